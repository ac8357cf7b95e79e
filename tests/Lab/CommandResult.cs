namespace Forwarder.Lab;

/// <summary>What a command printed and its exit code.</summary>
public sealed record CommandResult(int ExitCode, string Output, string Errors);
