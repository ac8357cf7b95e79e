namespace Forwarder.Lab;

/// <summary>One crash of the active director under load.</summary>
/// <param name="OutageMs">The longest time without an answer around the crash.</param>
/// <param name="UndisturbedMs">The longest time without an answer right before it, over as long a time: what the bed itself does.</param>
/// <param name="JitterMs">How late the machine woke a sleeping thread at worst around the crash.</param>
/// <param name="Seen">What the second director and the client say about it; null if the outage was within its bound.</param>
public sealed record FailoverRun(double OutageMs, double UndisturbedMs, double JitterMs, string? Seen);
