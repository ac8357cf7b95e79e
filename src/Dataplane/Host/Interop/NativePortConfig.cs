using System.Runtime.InteropServices;

namespace Forwarder.Dataplane;

/// <summary>struct fwd_port_config of the shim.</summary>
[StructLayout(LayoutKind.Sequential, Size = 20)]
public struct NativePortConfig
{
    public ushort RxQueues, TxQueues, RxDescriptors, TxDescriptors, Mtu;
    public byte Promiscuous;
    private readonly byte _reserved;
    public ushort RssClasses;
    private readonly ushort _reserved2;
    public uint RssKey;
}
