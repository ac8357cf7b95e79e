namespace Forwarder.Process.Tests;

/// <summary>Where the published programs are.</summary>
public static class Repository
{
    /// <summary>The repository's root.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The dataplane's program: FORWARDER_DATAPLANE, else the published one.</summary>
    public static string Dataplane { get; } = FindDataplane();

    private static string FindDataplane()
    {
        string path = Environment.GetEnvironmentVariable("FORWARDER_DATAPLANE") ?? Path.Combine(Root, "artifacts/publish/dataplane/forwarder-dataplane");
        return File.Exists(path) ? path : throw new InvalidOperationException($"{path} is missing: run script/build first.");
    }

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder != null && !File.Exists(Path.Combine(folder.FullName, "Forwarder.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("Forwarder.sln not found above the tests.");
    }
}
