namespace Forwarder.Dataplane;

/// <summary>Packets that a worker will send by one port at the end of the turn.</summary>
public unsafe struct TxBuffer
{
    /// <summary>Packets that fit.</summary>
    public const int Capacity = Forwarder.Abi.MbufPlan.TxBufferEntries;

    /// <summary>Packets in the buffer.</summary>
    public int Count;
    /// <summary>The mbufs.</summary>
    public fixed ulong Packets[Capacity];
}
