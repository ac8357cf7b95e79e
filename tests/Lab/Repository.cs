namespace Forwarder.Lab;

/// <summary>Where the published programs are.</summary>
public static class Repository
{
    /// <summary>The repository's root.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Path of a published program: FORWARDER_PUBLISH (a folder) or artifacts/publish, then <paramref name="path"/>.</summary>
    public static string Program(string path)
    {
        string folder = Environment.GetEnvironmentVariable("FORWARDER_PUBLISH") ?? Path.Combine(Root, "artifacts/publish");
        string program = Path.Combine(folder, path);
        return File.Exists(program) ? program : throw new InvalidOperationException($"{program} is missing: run script/build first.");
    }

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder != null && !File.Exists(Path.Combine(folder.FullName, "Forwarder.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("Forwarder.sln not found above the program.");
    }
}
