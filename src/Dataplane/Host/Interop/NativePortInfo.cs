using System.Runtime.InteropServices;

namespace Forwarder.Dataplane;

/// <summary>struct fwd_port_info of the shim.</summary>
[StructLayout(LayoutKind.Sequential, Size = 176)]
public unsafe struct NativePortInfo
{
    public fixed byte Device[64];
    public fixed byte Driver[64];
    public ulong Mac;
    public ulong RxOffloads, TxOffloads;
    public int NumaNode;
    public uint SpeedMbps;
    public ushort RxQueues, TxQueues, Mtu;
    public byte LinkUp, Promiscuous;
    public ushort RxQueuesMax, TxQueuesMax;
    public ushort RssTable, RssClasses;
}
