namespace Forwarder.Engine;

/// <summary>A punted frame and where it came from.</summary>
public unsafe ref struct SlowPacket
{
    /// <summary>The caller's handle.</summary>
    public ulong Packet;
    /// <summary>First byte of the Ethernet header.</summary>
    public byte* Frame;
    /// <summary>Bytes of the frame, and offset of its layer-3 header.</summary>
    public int Length, L3;
    /// <summary>Port and interface.</summary>
    public int Port, Interface;
    /// <summary>Time of arrival.</summary>
    public long NowMs;
}
