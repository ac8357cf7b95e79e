using System.Diagnostics;
using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.Nic.Tests;

/// <summary>
/// Scenario "LVS-DR director" with the director in a machine of its own, whose only NIC (an Intel e1000e, or a virtio NIC with
/// RSS) DPDK's own driver works. Booted once for all tests of a binding.
/// </summary>
public abstract class NicFixture : IDisposable
{
    private const string Tap = "nictap0";

    /// <summary>Boots the machine, binds the NIC, starts the director and defines its services.</summary>
    protected NicFixture(NicBinding binding)
    {
        ArgumentNullException.ThrowIfNull(binding);
        long started = Stopwatch.GetTimestamp();
        Binding = binding;
        Lab = new S1Lab();
        try
        {
            // The director is not a namespace here but a machine: its cable takes the place of the namespace's.
            Lab.Switch.Ip("link del p-dir");
            // A host whose bridges filter (br_netfilter) would check IP headers in the switch and drop what the card shall find.
            Lab.Switch.Run("sysctl -e -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0");
            Machine = GuestMachine.Boot(Lab.Switch.Name, Tap, S1Lab.DirectorMac, binding, () => Lab.Switch.Ip($"link set {Tap} master lan up"));
            ReadyS = Stopwatch.GetElapsedTime(started).TotalSeconds;
            string[] nic = Machine.Shell.Check($"{Path.Combine(Repository.Root, "tests/Nic/guest/bind-nic")} {binding.KernelDriver}").Trim().Split(' ');
            (PciAddress, PciId, KernelDriver, IommuGroup) = (nic[0], nic[1], nic[2], nic[3]);
            Director = new GuestDirector(Machine.Shell);
            Director.Start(DesiredState());
            DefineServices();
            ForwardingS = Stopwatch.GetElapsedTime(started).TotalSeconds;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How the NIC was to be bound.</summary>
    public NicBinding Binding { get; }

    /// <summary>Client, real servers and switch.</summary>
    public S1Lab Lab { get; }

    /// <summary>The director's machine.</summary>
    public GuestMachine Machine { get; } = null!;

    /// <summary>The director.</summary>
    public GuestDirector Director { get; } = null!;

    /// <summary>PCI address of the NIC.</summary>
    public string PciAddress { get; } = "";

    /// <summary>vendor:device of the NIC.</summary>
    public string PciId { get; } = "";

    /// <summary>Kernel driver in charge of the NIC.</summary>
    public string KernelDriver { get; } = "";

    /// <summary>IOMMU group of the NIC, or "none".</summary>
    public string IommuGroup { get; } = "";

    /// <summary>Seconds from nothing until the guest's shell answered, and until the services were defined.</summary>
    public double ReadyS { get; }

    /// <inheritdoc cref="ReadyS"/>
    public double ForwardingS { get; }

    private DesiredState DesiredState() => new()
    {
        Dataplane = new DataplaneSettings
        {
            Ports = [new PortSettings { Name = "lan", Device = PciAddress }],
            WorkerCpus = [.. Enumerable.Range(1, Binding.Queues)],
            HousekeepingCpu = 0,
            Hugepages = "required",
            FlowsPerWorker = 65_536,
            Idle = "backoff", // an emulated CPU that spins takes one of the host's
        },
        Services =
        [
            new VirtualService
            {
                Protocol = "tcp", Address = S1Lab.VipV6, Port = 80, Scheduler = "wlc",
                Servers = [.. Lab.RealServers.Select(r => new RealServer { Address = r.AddressV6, Port = 80, Weight = r.Weight })],
            },
        ],
        Interfaces = [new InterfaceSettings { Name = "lan", Port = "lan", Addresses = [S1Lab.Dip, S1Lab.DipV6] }],
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        Machine?.Dispose();
        Lab.Dispose();
        GC.SuppressFinalize(this);
    }

    // IPv4 in the words of ipvsadm, as they stand; IPv6 is in the desired state already.
    private void DefineServices()
    {
        _ = Director.Ipvsadm($"-A -t {S1Lab.Vip}:80 -s wlc");
        foreach (RealServerHost server in Lab.RealServers)
        {
            _ = Director.Ipvsadm($"-a -t {S1Lab.Vip}:80 -r {server.Address} -g -w {server.Weight}");
        }
    }
}
