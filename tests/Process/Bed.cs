using System.Runtime.CompilerServices;
using System.Text.Json;
using Forwarder.Abi;

namespace Forwarder.Process.Tests;

/// <summary>
/// A network namespace with one veth pair: dp is the dataplane's port (net_af_packet), wire is where the test plays the
/// rest of the network. The test plays control, too: it makes the region and publishes into it.
/// </summary>
public sealed class Bed : IDisposable
{
    private const string DataplaneMacText = "02:00:00:00:00:01";
    private readonly Instance _instance = Instance.Create();
    private readonly Netns _netns;
    private readonly List<DataplaneProcess> _processes = [];

    public Bed(int workers = 1)
    {
        _netns = _instance.Netns("dut");
        InNetns("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
        _netns.Ip($"link add dp address {DataplaneMacText} type veth peer name wire address 02:00:00:00:00:99");
        _netns.Ip("link set dp up");
        _netns.Ip("link set wire up");
        Wire = new PacketSocket(Netns, "wire");
        Config = new DataplaneConfig
        {
            RegionPath = Path.Combine(Folder, "region"),
            FilePrefix = Netns,
            Ports = [new PortConfig { Name = "lan", Device = "net_af_packet0,iface=dp", RxDescriptors = 512, TxDescriptors = 512 }],
            WorkerCpus = [.. Enumerable.Repeat(Environment.ProcessorCount - 1, workers)],
            HousekeepingCpu = 0,
            Hugepages = "never",
            MemoryMiB = 128,
            Mbufs = 16_384,
            FlowsPerWorker = 65_536,
        };
        Region.Create(Config.RegionPath, new RegionLayout(workers, 16 << 20));
        Region = Region.Open(Config.RegionPath);
        Publisher = new SnapshotPublisher(Region);
    }

    /// <summary>Where the region and the configuration are; goes with the bed.</summary>
    public string Folder => _instance.Folder;

    /// <summary>Name of the namespace, also the dataplane's --file-prefix.</summary>
    public string Netns => _netns.Name;

    /// <summary>The other end of the dataplane's port.</summary>
    public PacketSocket Wire { get; }

    /// <summary>What the dataplane is started with.</summary>
    public DataplaneConfig Config { get; set; }

    /// <summary>The region as control sees it.</summary>
    public Region Region { get; }

    /// <summary>Control's half of the hand-over.</summary>
    public SnapshotPublisher Publisher { get; }

    /// <summary>The dataplane's MAC address, first byte lowest.</summary>
    public static ulong DataplaneMac => TestSupport.ContentBuilder.Mac(DataplaneMacText);

    /// <summary>Starts the dataplane with <see cref="Config"/>; does not wait. By default in the namespace; <paramref name="launcher"/> is put before its command line instead.</summary>
    public DataplaneProcess Start(Dictionary<string, string>? environment = null, string[]? launcher = null) =>
        StartWith(JsonSerializer.Serialize(Config, DataplaneConfigJson.Default.DataplaneConfig), environment, launcher);

    /// <summary>Starts the dataplane with a configuration file of this text.</summary>
    public DataplaneProcess StartWith(string json, Dictionary<string, string>? environment = null, string[]? launcher = null)
    {
        string path = Path.Combine(Folder, "dataplane.json");
        File.WriteAllText(path, json);
        DataplaneProcess process = new(launcher ?? ["ip", "netns", "exec", Netns], path, environment);
        _processes.Add(process);
        return process;
    }

    /// <summary>Starts the dataplane and waits until it runs.</summary>
    public DataplaneProcess StartAndWait()
    {
        DataplaneProcess process = Start();
        WaitForRunning(process);
        return process;
    }

    /// <summary>Waits until a dataplane runs.</summary>
    public void WaitForRunning(DataplaneProcess process)
    {
        Wait.Until(() => process.HasExited || (Region.Process.Pid == process.Id && State == ProcessState.Running), "the dataplane runs");
        Assert.False(process.HasExited, process.Errors);
    }

    /// <summary>The dataplane's state.</summary>
    public ProcessState State => (ProcessState)Volatile.Read(ref Unsafe.As<ProcessState, uint>(ref Region.Process.State));

    /// <summary>Publishes a snapshot and waits until all workers use it.</summary>
    public ulong Publish(SnapshotContent content)
    {
        ulong generation = 0;
        Wait.Until(() => Publisher.TryPublish(content, out generation), "a snapshot slot is free");
        Wait.Until(() => Publisher.IsSeenByAllWorkers(generation), $"all workers use generation {generation}");
        return generation;
    }

    /// <summary>Packets lost for a reason, by workers and housekeeping.</summary>
    public ulong Drops(DropReason reason)
    {
        ulong sum = Region.Process.Drops[(int)reason];
        for (int worker = 0; worker < Region.Layout.WorkerCount; worker++)
        {
            sum += Region.Worker(worker).Drops[(int)reason];
        }

        return sum;
    }

    /// <summary>Runs a command in the namespace.</summary>
    public string InNetns(string command) => _netns.Run(command);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (DataplaneProcess process in _processes)
        {
            process.Dispose();
        }

        Wire.Dispose();
        Region.Dispose();
        _instance.Dispose();
    }
}
