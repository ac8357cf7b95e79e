namespace Forwarder.Engine;

/// <summary>What becomes of a packet. Stages skip packets that already have one.</summary>
public enum Verdict : byte
{
    /// <summary>Not decided: a packet of a virtual service on its way through the stages.</summary>
    None = 0,
    /// <summary>Send by <see cref="Burst.Egress"/>.</summary>
    Forward = 1,
    /// <summary>Hand over to the slow path.</summary>
    Punt = 2,
    /// <summary>Hand over to the slow path to wait for the neighbour in <see cref="Burst.NextHop"/>.</summary>
    Wait = 3,
    /// <summary>Lose, and count under <see cref="Burst.Reason"/>.</summary>
    Drop = 4,
    /// <summary>Lose, and count under <see cref="Burst.Reason"/>; the slow path tells the sender by ICMP. An MTU is in <see cref="Burst.NextHop"/>.</summary>
    Refuse = 5,
    /// <summary>Hand over, as it came, to the worker whose index is in <see cref="Burst.NextHop"/>: the flow lives there.</summary>
    HandOver = 6,
    /// <summary>A later fragment: goes where its first one went, see <see cref="Fragments"/>.</summary>
    Follow = 7,
}
