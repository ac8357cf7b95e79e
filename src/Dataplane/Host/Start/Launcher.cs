using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Forwarder.Abi;
using Forwarder.Engine;

namespace Forwarder.Dataplane;

/// <summary>Brings DPDK, ports, memory and workers up, in this order; each failure is a <see cref="StartException"/>.</summary>
public sealed unsafe class Launcher(Native native, DataplaneConfig config, Region region)
{
    private const uint IdleSleepUs = 50;
    private const int QueuesOutOfRange = -34; // -ERANGE

    private readonly EalLog _log = new(native);
    private uint _rssClasses;

    /// <summary>The mbuf pools, by NUMA node.</summary>
    public MbufPools Pools { get; private set; } = null!;

    /// <summary>Ports by index.</summary>
    public DataplanePort[] Ports { get; } = new DataplanePort[config.Ports.Count];

    /// <summary>Workers' contexts, in native memory.</summary>
    public WorkerContext*[] Workers { get; } = new WorkerContext*[config.WorkerCpus.Count];

    /// <summary>Everything up to the workers' launch.</summary>
    public void Prepare()
    {
        InitializeEal();
        Pools = new MbufPools(native, config);
        _rssClasses = RssClasses();
        for (int port = 0; port < config.Ports.Count; port++)
        {
            StartPort(port);
        }

        if (_rssClasses != 0)
        {
            Console.Error.WriteLine($"forwarder-dataplane: ports spread TCP and UDP over the workers in {_rssClasses} classes: flows of FullNAT are not handed over.");
        }

        for (int worker = 0; worker < Workers.Length; worker++)
        {
            Workers[worker] = MakeWorker(worker);
        }

        ConnectWorkers();
    }

    /// <summary>Starts the workers' loops on their lcores, and keeps all other threads off their CPUs.</summary>
    public void Launch()
    {
        for (int worker = 0; worker < Workers.Length; worker++)
        {
            int error = native.WorkerLaunch(&RunWorker, Workers[worker], EalArguments.LcoreOf(worker));
            if (error != 0)
            {
                throw new StartException($"Worker {worker} cannot be launched on CPU {config.WorkerCpus[worker]}: {native.ErrorText(error)}.");
            }
        }

        native.SleepUs(10_000); // the workers' thread ids must be known before the others are confined
        native.ConfineThreads((uint)config.HousekeepingCpu);
    }

    /// <summary>Ends the workers' loops and stops the ports.</summary>
    public void Stop()
    {
        for (int worker = 0; worker < Workers.Length; worker++)
        {
            Volatile.Write(ref Workers[worker]->Stop, 1);
        }

        for (int worker = 0; worker < Workers.Length; worker++)
        {
            native.WorkerWait(EalArguments.LcoreOf(worker));
        }

        foreach (DataplanePort port in Ports)
        {
            native.PortStop(port.Number);
        }

        native.EalCleanup();
    }

    [UnmanagedCallersOnly]
    private static int RunWorker(void* context)
    {
        Worker.Run((WorkerContext*)context);
        return 0;
    }

    private void InitializeEal()
    {
        foreach (PortConfig port in config.Ports)
        {
            StaleSocket.Remove(port.Device);
        }

        List<string> arguments = EalArguments.Make(config);
        Console.Error.WriteLine($"EAL arguments: {string.Join(' ', arguments)}");
        byte** argv = (byte**)NativeMemory.AllocZeroed((nuint)(arguments.Count + 1), (nuint)sizeof(byte*));
        for (int i = 0; i < arguments.Count; i++)
        {
            argv[i] = (byte*)Marshal.StringToCoTaskMemUTF8(arguments[i]); // EAL keeps pointers to them: never freed
        }

        int error = native.EalInit(arguments.Count, argv);
        if (error != 0)
        {
            throw new StartException($"DPDK's EAL does not start: {native.ErrorText(error)}.{_log.Take()}");
        }
    }

    /// <summary>Classes by which all ports can spread packets in the same way, 0 = there is no such way.</summary>
    private uint RssClasses()
    {
        uint classes = RssSpread.ClassesMax;
        for (int port = 0; port < config.Ports.Count; port++)
        {
            NativePortInfo info;
            native.PortInfo(Find(config.Ports[port], $"ports[{port}] ({config.Ports[port].Name})"), &info);
            classes = Math.Min(classes, info.RssTable);
        }

        return Workers.Length > 1 && classes >= (uint)Workers.Length ? classes : 0;
    }

    private void StartPort(int index)
    {
        PortConfig port = config.Ports[index];
        string where = $"ports[{index}] ({port.Name})";
        ushort number = Find(port, where);
        WarnIfDown(port, where);
        ushort queues = (ushort)config.WorkerCpus.Count;
        NativePortConfig wanted = new()
        {
            RxQueues = queues, TxQueues = queues, RxDescriptors = (ushort)port.RxDescriptors, TxDescriptors = (ushort)port.TxDescriptors,
            Mtu = (ushort)port.MtuBytes, Promiscuous = port.Promiscuous ? (byte)1 : (byte)0,
            RssClasses = (ushort)_rssClasses, RssKey = RssSpread.Key,
        };
        _log.Mark();
        int error = native.PortStart(number, &wanted, Pools.Of(native.PortNumaNode(number)));
        NativePortInfo info;
        native.PortInfo(number, &info);
        if (error != 0)
        {
            throw new StartException(error == QueuesOutOfRange && (info.RxQueuesMax < queues || info.TxQueuesMax < queues)
                ? $"{where}: {queues} workers need {queues} Rx and Tx queues, {port.Device} has {info.RxQueuesMax} and {info.TxQueuesMax}. (net_af_packet takes qpairs=N, net_vhost and net_virtio_user queues=N.)"
                : $"{where}: {port.Device} cannot be started: {native.ErrorText(error)}.{_log.Take()}");
        }

        if (info.RssClasses != _rssClasses)
        {
            Console.Error.WriteLine($"forwarder-dataplane: {where}: {port.Device} does not spread packets as it was told to: flows of FullNAT are handed over between workers.");
            _rssClasses = 0;
        }

        ulong mac = info.Mac & Wire.MacMask;
        Ports[index] = new DataplanePort(number, mac, OpenTap(port, where, mac));
        ref PortBlock block = ref region.Port(index);
        block = default;
        TextBytes.Write(block.Name, port.Name);
        TextBytes.Write(block.Exception, port.Exception ?? "");
    }

    private ushort Find(PortConfig port, string where)
    {
        ushort number = 0;
        string name = EalArguments.IsPci(port.Device) ? EalArguments.FullPci(port.Device) : EalArguments.NameOf(port.Device);
        fixed (byte* device = Encoding.UTF8.GetBytes(name + "\0"))
        {
            return native.PortFind(device, &number) == 0
                ? number
                : throw new StartException($"{where}.device: DPDK has made no port of {port.Device}: there is no such driver, the driver could not open it (privileges?), or (PCI) it is not bound to vfio-pci or uio_pci_generic.{_log.Take()}");
        }
    }

    /// <summary>A port on a kernel interface that is down starts well and never sees a packet: say so.</summary>
    private static void WarnIfDown(PortConfig port, string where)
    {
        const int Up = 1; // IFF_UP
        string path = $"/sys/class/net/{EalArguments.Argument(port.Device, "iface")}/flags";
        if (File.Exists(path) && (Convert.ToInt32(File.ReadAllText(path).Trim(), 16) & Up) == 0)
        {
            Console.Error.WriteLine($"forwarder-dataplane: warning: {where}: network interface {EalArguments.Argument(port.Device, "iface")} is down.");
        }
    }

    private int OpenTap(PortConfig port, string where, ulong mac)
    {
        if (port.Exception == null)
        {
            return -1;
        }

        int fd;
        fixed (byte* name = Encoding.UTF8.GetBytes(port.Exception + "\0"))
        {
            fd = native.TapOpen(name, (byte*)&mac, (ushort)port.MtuBytes);
        }

        return fd >= 0 ? fd : throw new StartException($"{where}.exception: TAP device {port.Exception} cannot be made: {native.ErrorText(fd)}.");
    }

    private WorkerContext* MakeWorker(int index)
    {
        int node = native.LcoreNumaNode(EalArguments.LcoreOf(index));
        WorkerContext* w = (WorkerContext*)Allocate(sizeof(WorkerContext), node, "a worker");
        w->Engine.Flows4 = FlowTable4.Create(Allocate(FlowTable4.MeasureBytes(config.FlowsPerWorker), node, "the IPv4 flow table"), config.FlowsPerWorker);
        w->Engine.Flows6 = FlowTable6.Create(Allocate(FlowTable6.MeasureBytes(config.FlowsPerWorker), node, "the IPv6 flow table"), config.FlowsPerWorker);
        w->Engine.Fragments = FragmentTable.Create(Allocate(FragmentTable.MeasureBytes, node, "the fragment table"));
        w->Engine.Ports = LocalPorts.Create(
            Allocate(LocalPorts.MeasureBytes(config.SourceAddresses, Workers.Length, w->Engine.Flows4, w->Engine.Flows6, _rssClasses), node, "local ports"),
            config.SourceAddresses, index, Workers.Length, w->Engine.Flows4, w->Engine.Flows6, _rssClasses, BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) | 1);
        w->Engine.RssClasses = _rssClasses;
        w->Urgent = PacketRing.Create(Allocate(PacketRing.MeasureBytes(MbufPlan.UrgentEntries), node, "a ring"), MbufPlan.UrgentEntries);
        w->ToHousekeeping = PacketRing.Create(Allocate(PacketRing.MeasureBytes(MbufPlan.RingEntries), node, "a ring"), MbufPlan.RingEntries);
        w->FromHousekeeping = PacketRing.Create(Allocate(PacketRing.MeasureBytes(MbufPlan.RingEntries), node, "a ring"), MbufPlan.RingEntries);
        w->Index = index;
        w->PortCount = Ports.Length;
        ulong* macs = stackalloc ulong[Limits.PortsMax];
        for (int port = 0; port < Ports.Length; port++)
        {
            w->DpdkPort[port] = Ports[port].Number;
            w->FromKernel[port] = EalArguments.IsOnKernel(config.Ports[port].Device) ? (byte)1 : (byte)0;
            macs[port] = Ports[port].Mac;
        }

        w->Region = (RegionHeader*)region.Start;
        w->SnapshotSlots = region.SnapshotSlotStart(0);
        w->SnapshotSlotStrideBytes = region.Layout.SlotStrideBytes;
        w->RxBurst = native.RxBurst;
        w->TxBurst = native.TxBurst;
        w->FreeBulk = native.FreeBulk;
        w->SleepUs = native.SleepUs;
        bool isVirtual = config.Ports.Any(p => !EalArguments.IsPci(p.Device));
        w->IdleSleepUs = config.Idle == "backoff" || (config.Idle == "auto" && isVirtual) ? IdleSleepUs : 0;
        WorkerBlock* block = (WorkerBlock*)Unsafe.AsPointer(ref region.Worker(index));
        block->Cpu = (uint)config.WorkerCpus[index];
        EngineState.Initialize(
            &w->Engine,
            (ulong*)(region.Start + RegionLayout.NeighboursOffset),
            (ulong*)(region.Start + RegionLayout.LeasesOffset),
            block,
            (ServerCounters*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(region.ServerCounters(index))),
            (SourceCounters*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(region.SourceCounters(index))),
            (ServiceCounters*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(region.ServiceCounters(index))),
            (uint*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(region.OtherConnections(index))),
            new ReadOnlySpan<ulong>(macs, Ports.Length),
            index,
            Workers.Length);
        return w;
    }

    /// <summary>A ring from each worker to each other one, in the memory of the one that reads it.</summary>
    private void ConnectWorkers()
    {
        int entries = MbufPlan.HandOverEntries(Workers.Length);
        for (int to = 0; to < Workers.Length; to++)
        {
            int node = native.LcoreNumaNode(EalArguments.LcoreOf(to));
            for (int from = 0; from < Workers.Length; from++)
            {
                if (from != to)
                {
                    PacketRing ring = PacketRing.Create(Allocate(PacketRing.MeasureBytes(entries), node, "a ring between workers"), entries);
                    Workers[from]->HandOverTo[to] = ring;
                    Workers[to]->HandOverFrom[from] = ring;
                }
            }
        }
    }

    private void* Allocate(long bytes, int node, string what)
    {
        void* memory = native.MemoryAllocate((ulong)bytes, node);
        return memory != null ? memory : throw new StartException($"memoryMiB {config.MemoryMiB} is too small: {bytes} bytes for {what} cannot be had.");
    }
}
