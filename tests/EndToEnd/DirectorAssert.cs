using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>What tests ask of a director and must get.</summary>
internal static class DirectorAssert
{
    /// <summary>Runs an ipvsadm line that must succeed; returns its output.</summary>
    public static string MustIpvsadm(this Director director, string arguments)
    {
        CommandResult result = director.Ipvsadm(arguments);
        Assert.True(result.ExitCode == 0, $"ipvsadm {arguments}: {result.ExitCode}: {result.Errors}{result.Output}\n{director.Logs}");
        return result.Output;
    }
}
