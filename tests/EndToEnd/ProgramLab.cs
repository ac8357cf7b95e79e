using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>Scenario S1 with a source pool, and on rs7 the servers of programs that people use.</summary>
public sealed class ProgramLab : IDisposable
{
    private const string Source = "172.16.58.200", Source6 = "fd16::200";
    private const int FileBytes = 100_000_000;

    public ProgramLab()
    {
        Lab = new S1Lab();
        try
        {
            Lab.Director.AddSourcePool(Source, Source6);
            Lab.Director.Start();
            Programs = new Programs(Lab, FileBytes);
        }
        catch
        {
            Lab.Dispose();
            throw;
        }
    }

    /// <summary>The network.</summary>
    public S1Lab Lab { get; }

    /// <summary>What runs there.</summary>
    public Programs Programs { get; }

    /// <inheritdoc/>
    public void Dispose() => Lab.Dispose();
}
