using Forwarder.Abi;

namespace Forwarder.Engine;

/// <summary>The slow path's doors. A packet handle that is passed in is given away.</summary>
public unsafe interface ISlowPathHost
{
    /// <summary>CLOCK_MONOTONIC in ns.</summary>
    ulong NowNs { get; }

    /// <summary>An empty packet with room for at least 1,514 bytes, or false when there is none.</summary>
    bool TryAllocate(out ulong packet, out byte* frame);

    /// <summary>Sends a frame by a port, if this VRRP group is still owned then; 0 = none.</summary>
    void Send(ulong packet, byte* frame, int length, int port, uint group);

    /// <summary>Whether the port has an exception port to the host's kernel.</summary>
    bool HasHost(int port);

    /// <summary>Gives a frame to the host's kernel by the port's exception port.</summary>
    void ToHost(ulong packet, byte* frame, int length, int port);

    /// <summary>As <see cref="ToHost"/>, for a frame that has served its purpose here: nothing is lost where there is no exception port.</summary>
    void OfferToHost(ulong packet, byte* frame, int length, int port);

    /// <summary>Loses a packet and counts it.</summary>
    void Drop(ulong packet, DropReason reason);

    /// <summary>Frees a packet that has served its purpose.</summary>
    void Release(ulong packet);
}
