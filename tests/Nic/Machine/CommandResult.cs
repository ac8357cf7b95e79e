namespace Forwarder.Nic.Tests;

/// <summary>How a command ended.</summary>
/// <param name="Status">Exit status.</param>
/// <param name="Output">Both streams of output.</param>
public sealed record CommandResult(int Status, string Output);
