using System.Diagnostics;
using System.Globalization;

namespace Forwarder.Control;

/// <summary>Signals by kill(1): control has no native calls of its own.</summary>
public static class Signals
{
    /// <summary>Name of SIGTERM.</summary>
    public const string Terminate = "TERM";

    /// <summary>Sends a signal to one process.</summary>
    public static void Send(int pid, string signal)
    {
        using Process? kill = Process.Start(new ProcessStartInfo("kill", [$"-{signal}", pid.ToString(CultureInfo.InvariantCulture)]) { UseShellExecute = false });
        kill?.WaitForExit();
    }
}
