using System.Diagnostics;
using Forwarder.Api;

namespace Forwarder.Nic.Tests;

/// <summary>
/// Scenario "LVS-DR director" with the director in a machine of its own, whose only NIC is an Intel e1000e that DPDK's own
/// driver works. Booted once for all tests of a binding.
/// </summary>
public abstract class NicFixture : IDisposable
{
    /// <summary>MAC address of the director's NIC.</summary>
    public const string Mac = "02:00:00:20:01:09";

    private const string Tap = "nictap0";

    /// <summary>Boots the machine, binds the NIC, starts the director and defines its services.</summary>
    protected NicFixture(NicBinding binding)
    {
        ArgumentNullException.ThrowIfNull(binding);
        long started = Stopwatch.GetTimestamp();
        Binding = binding;
        Bed = new Bed();
        try
        {
            Machine = GuestMachine.Boot(Bed.Switch, Tap, Mac, binding, () => Bed.Plug(Tap));
            ReadyS = Stopwatch.GetElapsedTime(started).TotalSeconds;
            string[] nic = Machine.Shell.Check($"{Repository.Path("tests/Nic/guest/bind-nic")} {binding.KernelDriver}").Trim().Split(' ');
            (PciAddress, PciId, KernelDriver, IommuGroup) = (nic[0], nic[1], nic[2], nic[3]);
            Director = new Director(Machine.Shell);
            Director.Start(DesiredState(promiscuous: false));
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
    public Bed Bed { get; }

    /// <summary>The director's machine.</summary>
    public GuestMachine Machine { get; } = null!;

    /// <summary>The director.</summary>
    public Director Director { get; } = null!;

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

    /// <summary>What the director is started with.</summary>
    public DesiredState DesiredState(bool promiscuous) => new()
    {
        Dataplane = new DataplaneSettings
        {
            Ports = [new PortSettings { Name = "lan", Device = PciAddress, Promiscuous = promiscuous }],
            WorkerCpus = [1],
            HousekeepingCpu = 0,
            Hugepages = "required",
            FlowsPerWorker = 65_536,
            Idle = "backoff", // an emulated CPU that spins takes one of the host's
        },
        Interfaces = [new InterfaceSettings { Name = "lan", Port = "lan", Addresses = [$"{Bed.Dip}/16", $"{Bed.Dip6}/64"] }],
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        Machine?.Dispose();
        Bed.Dispose();
        GC.SuppressFinalize(this);
    }

    private void DefineServices()
    {
        _ = Director.Ipvsadm($"-A -t {Bed.Vip}:80 -s wlc");
        _ = Director.Ipvsadm($"-a -t {Bed.Vip}:80 -r {Bed.Rips[0]} -g -w 2");
        _ = Director.Ipvsadm($"-a -t {Bed.Vip}:80 -r {Bed.Rips[1]} -g -w 1");
        _ = Director.Ipvsadm($"-A -t [{Bed.Vip6}]:80 -s wlc");
        _ = Director.Ipvsadm($"-a -t [{Bed.Vip6}]:80 -r [{Bed.Rips6[0]}]:80 -g -w 2");
        _ = Director.Ipvsadm($"-a -t [{Bed.Vip6}]:80 -r [{Bed.Rips6[1]}]:80 -g -w 1");
    }
}
