using Forwarder.Abi;

namespace Forwarder.Fuzz.Tests;

/// <summary>What a worker did with a frame.</summary>
/// <param name="Kind">"forward", "punt", "wait", "refuse" or "drop".</param>
/// <param name="Reason">Of a drop or refusal.</param>
/// <param name="Port">Forwarded: egress. To housekeeping: ingress.</param>
/// <param name="Tag">Waiting: the next hop. Refused: the MTU.</param>
/// <param name="Server">Slot of the server, if one was selected.</param>
/// <param name="Frame">The frame as it was left.</param>
/// <param name="Lost">Why it was lost in spite of that: the Tx queue or the ring to housekeeping was full.</param>
public sealed record Fate(string Kind, DropReason Reason, int Port, uint Tag, uint Server, byte[] Frame, DropReason Lost = DropReason.None)
{
    /// <summary>The kind, or the reason of a loss.</summary>
    public string Name => Kind is "drop" or "refuse" ? Reason.ToString() : Kind;
}
