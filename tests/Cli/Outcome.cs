namespace Forwarder.Cli.Tests;

/// <summary>How a call ended.</summary>
public sealed record Outcome(int ExitCode, string Output, string Error);
