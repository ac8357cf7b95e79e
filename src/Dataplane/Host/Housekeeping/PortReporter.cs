using Forwarder.Abi;

namespace Forwarder.Dataplane;

/// <summary>Copies what DPDK knows of the ports into the region. Allocates only when made.</summary>
public sealed unsafe class PortReporter(Native native, Region region, DataplanePort[] ports, string[] names, Log log)
{
    private readonly byte[] _names = GC.AllocateArray<byte>(Limits.PortXstatsMax * Limits.NameBytesMax, pinned: true);
    private readonly ulong[] _values = GC.AllocateArray<ulong>(Limits.PortXstatsMax, pinned: true);

    /// <summary>Refreshes all ports.</summary>
    public void Report()
    {
        for (int i = 0; i < ports.Length; i++)
        {
            ref PortBlock block = ref region.Port(i);
            uint wasUp = block.LinkUp, wasStarted = block.Started;
            ReportInfo(ref block, ports[i].Number);
            if (wasUp != block.LinkUp || wasStarted != block.Started)
            {
                log.Write($"forwarder-dataplane: port {names[i]}: link is {(block.LinkUp != 0 ? "up" : "down")}, {block.SpeedMbps} Mbit/s.\n");
            }

            ReportStatistics(ref block, ports[i].Number);
            ReportXstats(ref block, ports[i].Number);
        }
    }

    private void ReportInfo(ref PortBlock block, ushort port)
    {
        NativePortInfo info;
        if (native.PortInfo(port, &info) != 0)
        {
            return;
        }

        new ReadOnlySpan<byte>(info.Device, Limits.NameBytesMax).CopyTo(block.Device);
        new ReadOnlySpan<byte>(info.Driver, Limits.NameBytesMax).CopyTo(block.Driver);
        block.Started = 1;
        block.LinkUp = info.LinkUp;
        block.SpeedMbps = info.SpeedMbps;
        block.MtuBytes = info.Mtu;
        block.Mac = info.Mac;
        block.Promiscuous = info.Promiscuous;
        block.RxQueues = info.RxQueues;
        block.TxQueues = info.TxQueues;
        block.NumaNode = info.NumaNode;
        block.RssClasses = info.RssClasses;
        block.RxOffloads = info.RxOffloads;
        block.TxOffloads = info.TxOffloads;
    }

    private void ReportStatistics(ref PortBlock block, ushort port)
    {
        NativePortStats stats;
        if (native.PortStats(port, &stats) == 0)
        {
            (block.RxPackets, block.TxPackets, block.RxBytes, block.TxBytes) = (stats.RxPackets, stats.TxPackets, stats.RxBytes, stats.TxBytes);
            (block.RxMissed, block.RxErrors, block.TxErrors, block.RxNoMbuf) = (stats.RxMissed, stats.RxErrors, stats.TxErrors, stats.RxNoMbuf);
        }
    }

    private void ReportXstats(ref PortBlock block, ushort port)
    {
        fixed (byte* names = _names)
        fixed (ulong* values = _values)
        {
            int count = native.PortXstatNames(port, names, Limits.PortXstatsMax);
            if (count < 0 || native.PortXstatValues(port, values, Limits.PortXstatsMax) < 0)
            {
                return;
            }

            for (int i = 0; i < count; i++)
            {
                new ReadOnlySpan<byte>(names + (i * Limits.NameBytesMax), Limits.NameBytesMax).CopyTo(block.Xstats[i].Name);
                block.Xstats[i].Value = values[i];
            }

            block.XstatCount = (uint)count;
        }
    }
}
