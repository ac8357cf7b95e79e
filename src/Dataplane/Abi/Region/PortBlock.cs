using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Forwarder.Abi;

/// <summary>A DPDK port as housekeeping sees it, refreshed about once a second.</summary>
[StructLayout(LayoutKind.Sequential, Size = SizeBytes)]
public struct PortBlock
{
    /// <summary>Size in bytes.</summary>
    public const int SizeBytes = 32_768;

    /// <summary>Name from the configuration, DPDK's device name and the driver's name.</summary>
    public NameBytes Name, Device, Driver;
    /// <summary>Name of the exception port (TAP) in the host's kernel; empty if there is none.</summary>
    public NameBytes Exception;
    /// <summary>1 when the port is started.</summary>
    public uint Started;
    /// <summary>1 when the link is up.</summary>
    public uint LinkUp;
    /// <summary>Link speed in Mbit/s.</summary>
    public uint SpeedMbps;
    /// <summary>MTU in bytes.</summary>
    public uint MtuBytes;
    /// <summary>MAC address, first byte lowest.</summary>
    public ulong Mac;
    /// <summary>1 when the port is promiscuous.</summary>
    public uint Promiscuous;
    /// <summary>Rx and Tx queues.</summary>
    public uint RxQueues, TxQueues;
    /// <summary>NUMA node, or -1.</summary>
    public int NumaNode;
    /// <summary>Offloads in use, as in DPDK's RTE_ETH_RX_OFFLOAD_ and RTE_ETH_TX_OFFLOAD_.</summary>
    public ulong RxOffloads, TxOffloads;
    /// <summary>DPDK's basic statistics.</summary>
    public ulong RxPackets, TxPackets, RxBytes, TxBytes, RxMissed, RxErrors, TxErrors, RxNoMbuf;
    /// <summary>Extended statistics in use.</summary>
    public uint XstatCount;
    /// <summary>Classes of packets that the port spreads over its queues by the director's own key; 0 = it spreads them in another way, or has one queue.</summary>
    public uint RssClasses;
    /// <summary>Extended statistics: names and values.</summary>
    public XstatArray Xstats;
    /// <summary>How multicast is received, and how many entries of the lists below are in use.</summary>
    public PortFilterMode MulticastMode;
    public uint MulticastCount, VirtualMacCount;
    /// <summary>Padding.</summary>
    public uint Reserved2;
    /// <summary>Multicast MAC addresses that are wanted, first byte lowest.</summary>
    public MulticastArray Multicast;
    /// <summary>Virtual MAC addresses; the bits above 47 are the <see cref="PortFilterMode"/>.</summary>
    public VirtualMacArray VirtualMacs;

    /// <summary>An extended statistic.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Xstat
    {
        /// <summary>Name as the driver gives it.</summary>
        public NameBytes Name;
        /// <summary>Value.</summary>
        public ulong Value;
    }

    /// <summary>Multicast addresses of a port.</summary>
    [InlineArray(Limits.PortMulticastMax)]
    public struct MulticastArray
    {
        private ulong _element0;
    }

    /// <summary>Virtual MAC addresses of a port.</summary>
    [InlineArray(Limits.PortVirtualMacsMax)]
    public struct VirtualMacArray
    {
        private ulong _element0;
    }

    /// <summary>Extended statistics of a port.</summary>
    [InlineArray(Limits.PortXstatsMax)]
    public struct XstatArray
    {
        private Xstat _element0;
    }
}
