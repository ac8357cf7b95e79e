namespace Forwarder.Bench;

/// <summary>The bench cannot go on; the message says why.</summary>
public sealed class BenchException(string message) : Exception(message);
