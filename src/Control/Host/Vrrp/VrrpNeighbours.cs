using Forwarder.Abi;

namespace Forwarder.Control;

/// <summary>Peers are next hops of the snapshot: the dataplane asks for their MAC addresses and keeps them fresh.</summary>
public sealed class VrrpNeighbours(DataplaneSupervisor supervisor) : IVrrpNeighbours
{
    /// <inheritdoc/>
    /// <remarks>The last address known is used whatever its state: a peer that does not answer now may still listen.</remarks>
    public ulong MacOf(int nextHop) => supervisor.Region is { } region ? NeighbourWord.Mac(Volatile.Read(ref region.Neighbours[nextHop])) : 0;
}
