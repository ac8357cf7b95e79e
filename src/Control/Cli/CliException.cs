namespace Forwarder.Cli;

/// <summary>Ends the program with a message on stderr and an exit code.</summary>
public sealed class CliException(string message, int exitCode = CliException.Refused) : Exception(message)
{
    /// <summary>The director refused, or could not be reached.</summary>
    public const int Refused = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 2;

    /// <summary>Exit code.</summary>
    public int ExitCode { get; } = exitCode;
}
