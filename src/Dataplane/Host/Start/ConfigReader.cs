using System.Globalization;
using System.Text;
using System.Text.Json;
using Forwarder.Abi;

namespace Forwarder.Dataplane;

/// <summary>Reads and checks the configuration that control has written.</summary>
public static class ConfigReader
{
    private const int MtuBytesMin = 576, MtuBytesMax = 9_600, DescriptorsMin = 64, DescriptorsMax = 32_768, MemoryMiBMax = 1 << 20;

    /// <summary>Bytes of a network interface's name in Linux (IFNAMSIZ - 1).</summary>
    private const int InterfaceNameBytesMax = 15;

    /// <summary>Reads a configuration file; its values are not checked yet, so that the region can be opened first and told what is wrong.</summary>
    /// <exception cref="StartException">It cannot be read, or is not such a file.</exception>
    public static DataplaneConfig Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(path), DataplaneConfigJson.Default.DataplaneConfig) ?? throw new StartException($"{path} is empty.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new StartException($"{path} cannot be read: {e.Message}");
        }
    }

    /// <summary>Checks the values.</summary>
    /// <exception cref="StartException">What is wrong, where, and what is allowed.</exception>
    public static void Check(DataplaneConfig config)
    {
        Demand(config.Ports.Count is > 0 and <= Limits.PortsMax, $"ports: {config.Ports.Count} given, 1 to {Limits.PortsMax} allowed.");
        Demand(config.WorkerCpus.Count is > 0 and <= Limits.WorkersMax, $"workerCpus: {config.WorkerCpus.Count} given, 1 to {Limits.WorkersMax} allowed.");
        Demand(config.Hugepages is "auto" or "required" or "never", $"hugepages: \"{config.Hugepages}\"; allowed are auto, required, never.");
        Demand(config.Idle is "auto" or "spin" or "backoff", $"idle: \"{config.Idle}\"; allowed are auto, spin, backoff.");
        Demand(config.FlowsPerWorker is >= Limits.FlowsPerWorkerMin and <= Limits.FlowsPerWorkerMax, $"flowsPerWorker: {config.FlowsPerWorker}; allowed are {Limits.FlowsPerWorkerMin} to {Limits.FlowsPerWorkerMax}.");
        Demand(config.SourceAddresses is >= 0 and < Limits.SourcesMax, $"sourceAddresses: {config.SourceAddresses}; allowed are 0 to {Limits.SourcesMax - 1}.");
        Demand(config.MemoryMiB is > 0 and <= MemoryMiBMax, $"memoryMiB: {config.MemoryMiB}; allowed are 1 to {MemoryMiBMax}.");
        Demand(config.FilePrefix.Length > 0 && !config.FilePrefix.Contains('/', StringComparison.Ordinal), $"filePrefix: \"{config.FilePrefix}\" must be a file name.");
        CheckCpus(config);
        for (int i = 0; i < config.Ports.Count; i++)
        {
            CheckPort(config, i, $"ports[{i}] ({config.Ports[i].Name})");
        }

        MbufPlan plan = MbufPlan.For(config.Ports, config.WorkerCpus.Count);
        Demand(config.Mbufs >= plan.Total, $"mbufs: {config.Mbufs} are too few; needed are {plan}.");
    }

    private static void CheckCpus(DataplaneConfig config)
    {
        string allowed = AllowedCpus();
        for (int i = 0; i < config.WorkerCpus.Count; i++)
        {
            Demand(IsIn(allowed, config.WorkerCpus[i]), $"workerCpus[{i}]: this process may not use CPU {config.WorkerCpus[i]}; it may use {allowed}.");
        }

        Demand(IsIn(allowed, config.HousekeepingCpu), $"housekeepingCpu: this process may not use CPU {config.HousekeepingCpu}; it may use {allowed}.");
    }

    private static void CheckPort(DataplaneConfig config, int index, string where)
    {
        PortConfig port = config.Ports[index];
        Demand(Encoding.UTF8.GetByteCount(port.Name) is > 0 and < Limits.NameBytesMax, $"{where}.name: 1 to {Limits.NameBytesMax - 1} bytes are allowed.");
        Demand(port.Device.Length > 0, $"{where}.device: empty.");
        Demand(port.MtuBytes is >= MtuBytesMin and <= MtuBytesMax, $"{where}.mtuBytes: {port.MtuBytes}; allowed are {MtuBytesMin} to {MtuBytesMax}.");
        Demand(port.RxDescriptors is >= DescriptorsMin and <= DescriptorsMax, $"{where}.rxDescriptors: {port.RxDescriptors}; allowed are {DescriptorsMin} to {DescriptorsMax}.");
        Demand(port.TxDescriptors is >= DescriptorsMin and <= DescriptorsMax, $"{where}.txDescriptors: {port.TxDescriptors}; allowed are {DescriptorsMin} to {DescriptorsMax}.");
        Demand(port.Exception == null || (Encoding.UTF8.GetByteCount(port.Exception) is > 0 and <= InterfaceNameBytesMax), $"{where}.exception: \"{port.Exception}\"; 1 to {InterfaceNameBytesMax} bytes are allowed.");
        for (int other = 0; other < index; other++)
        {
            Demand(config.Ports[other].Name != port.Name, $"{where}.name: ports[{other}] has the same.");
            Demand(EalArguments.NameOf(config.Ports[other].Device) != EalArguments.NameOf(port.Device), $"{where}.device: ports[{other}] has the same: {port.Device}.");
            Demand(port.Exception == null || config.Ports[other].Exception != port.Exception, $"{where}.exception: ports[{other}] has the same: {port.Exception}.");
        }

        CheckDevice(port.Device, where);
    }

    private static void CheckDevice(string device, string where)
    {
        bool onKernelInterface = device.StartsWith("net_af_packet", StringComparison.Ordinal) || device.StartsWith("net_af_xdp", StringComparison.Ordinal);
        string? kernelInterface = EalArguments.Argument(device, "iface");
        Demand(!onKernelInterface || kernelInterface != null, $"{where}.device: \"{device}\" needs an argument iface=NAME.");
        Demand(!onKernelInterface || IsInterface(kernelInterface!), $"{where}.device: there is no network interface {kernelInterface}.");
        Demand(!EalArguments.IsPci(device) || Directory.Exists($"/sys/bus/pci/devices/{EalArguments.FullPci(device)}"), $"{where}.device: there is no PCI device {device}.");
    }

    /// <summary>Whether the process' network namespace has this interface. (/sys/class/net may show another namespace's.)</summary>
    private static bool IsInterface(string name) => File.ReadLines("/proc/net/dev").Any(line => line.TrimStart().StartsWith(name + ":", StringComparison.Ordinal));

    /// <summary>CPUs that the process may use (cpusets, taskset), as a list: 0-3,8.</summary>
    private static string AllowedCpus()
    {
        const string Field = "Cpus_allowed_list:";
        string line = File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith(Field, StringComparison.Ordinal)) ?? Field;
        return line[Field.Length..].Trim();
    }

    private static bool IsIn(string list, int cpu)
    {
        foreach (string range in list.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] ends = range.Split('-');
            if (cpu >= int.Parse(ends[0], CultureInfo.InvariantCulture) && cpu <= int.Parse(ends[^1], CultureInfo.InvariantCulture))
            {
                return true;
            }
        }

        return false;
    }

    private static void Demand(bool condition, string message)
    {
        if (!condition)
        {
            throw new StartException(message);
        }
    }
}
