namespace Forwarder.Nic.Tests;

/// <summary>Where this checkout lies.</summary>
public static class Repository
{
    /// <summary>Folder of Forwarder.sln.</summary>
    public static string Root { get; } = Find();

    /// <summary>A path below it.</summary>
    public static string Path(string relative)
    {
        return System.IO.Path.Combine(Root, relative);
    }

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "Forwarder.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"no Forwarder.sln above {AppContext.BaseDirectory}");
    }
}
