using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>Scenario S1 with a running director, without services.</summary>
public class RunningLab : IDisposable
{
    private const int LogChars = 3_000;

    /// <summary>Starts all of it.</summary>
    public RunningLab()
    {
        Lab = new S1Lab();
        try
        {
            Lab.Director.Start();
        }
        catch
        {
            Lab.Dispose();
            throw;
        }
    }

    /// <summary>The network.</summary>
    public S1Lab Lab { get; }

    /// <summary>The director.</summary>
    public Director Director => Lab.Director;

    /// <summary>Runs an ipvsadm line that must succeed; returns its output.</summary>
    public string Ipvsadm(string arguments) => Director.MustIpvsadm(arguments);

    /// <summary>A TCP service on the VIP with both real servers, weights 2 and 1.</summary>
    public void AddWebService(string scheduler = "wlc")
    {
        Ipvsadm($"-A -t {S1Lab.Vip}:80 -s {scheduler}");
        foreach (RealServerHost server in Lab.RealServers)
        {
            Ipvsadm($"-a -t {S1Lab.Vip}:80 -r {server.Address} -g -w {server.Weight}");
        }
    }

    /// <summary>Fails with the first failures of a load, if it has any.</summary>
    public void AssertNoFailure(IReadOnlyList<LoadPhase> phases)
    {
        List<string> failures = [.. phases.SelectMany(p => p.Failures)];
        Assert.True(phases.Sum(p => p.Failed) == 0, $"{phases.Sum(p => p.Failed)} of {phases.Sum(p => p.Requests)} requests failed:\n{string.Join('\n', failures)}\n{Director.Logs[^Math.Min(Director.Logs.Length, LogChars)..]}");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Lab.Dispose();
        GC.SuppressFinalize(this);
    }
}
