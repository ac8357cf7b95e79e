using System.Text.Json;

namespace Forwarder.Control.Tests;

/// <summary>How control's memory is collected, for each collection stops its VRRP thread.</summary>
public sealed class CollectorTests
{
    [Fact]
    public void CollectionsAreShortAndKeepOffTheWorkersCpus()
    {
        using JsonDocument settings = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "forwarder-control.runtimeconfig.json")));
        JsonElement properties = settings.RootElement.GetProperty("runtimeOptions").GetProperty("configProperties");
        Assert.False(properties.GetProperty("System.GC.Server").GetBoolean());
        Assert.Equal(4 << 20, properties.GetProperty("System.GC.Gen0MaxBudget").GetInt32());
    }
}
