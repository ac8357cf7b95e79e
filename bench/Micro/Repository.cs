namespace Forwarder.Micro;

/// <summary>Finds built files.</summary>
internal static class Repository
{
    /// <summary>A library of the bench, built by script/bench or cmake.</summary>
    public static string Native(string name)
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder != null && !File.Exists(Path.Combine(folder.FullName, "Forwarder.sln")))
        {
            folder = folder.Parent;
        }

        string path = Path.Combine(folder?.FullName ?? ".", "artifacts/native/bench/LineRate/native", name);
        return File.Exists(path) ? path : throw new FileNotFoundException($"{path} is missing: run script/bench --smoke once, it builds it.");
    }
}
