using System.Globalization;

namespace Forwarder.Lab;

/// <summary>Everything that one lab puts on the machine: namespaces named fwlab-PID-N-HOST and a folder of the same name.</summary>
public sealed class Instance : IDisposable
{
    private const string Prefix = "fwlab-", KeepMark = "keep";
    private static int s_count;
    private readonly string _name;
    private bool _kept;

    private Instance(string name) => _name = name;

    /// <summary>Folder for run-time files.</summary>
    public string Folder => Path.Combine(Path.GetTempPath(), _name);

    /// <summary>A new instance of this process; removes what dead processes have left.</summary>
    public static Instance Create()
    {
        Sweep();
        Instance instance = new($"{Prefix}{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}");
        Directory.CreateDirectory(instance.Folder);
        return instance;
    }

    /// <summary>Leaves the instance on the machine when this process ends; <see cref="SweepAll"/> removes it.</summary>
    public void Keep()
    {
        File.WriteAllText(Path.Combine(Folder, KeepMark), "");
        _kept = true;
    }

    /// <summary>Makes a namespace of the instance.</summary>
    public Netns Netns(string host) => Lab.Netns.Create($"{_name}-{host}");

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_kept)
        {
            Remove($"{_name}-", Folder);
        }
    }

    /// <summary>Removes the instances whose process is gone.</summary>
    public static void Sweep()
    {
        foreach (string name in NetnsNames().Concat(Folders()).Where(IsStale).Distinct().ToList())
        {
            Remove(name, Path.Combine(Path.GetTempPath(), name));
        }
    }

    /// <summary>Removes all instances, also of living processes (script/demo --down).</summary>
    public static void SweepAll()
    {
        foreach (string name in NetnsNames().Concat(Folders()).Distinct().ToList())
        {
            Remove(name, Path.Combine(Path.GetTempPath(), name));
        }
    }

    private static void Remove(string prefix, string folder)
    {
        foreach (string netns in NetnsNames().Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).ToList())
        {
            Lab.Netns.Delete(netns);
        }

        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static IEnumerable<string> NetnsNames() => Names("/run/netns", Directory.GetFiles);

    private static IEnumerable<string> Folders() => Names(Path.GetTempPath(), Directory.GetDirectories);

    private static IEnumerable<string> Names(string folder, Func<string, string, string[]> list) =>
        Directory.Exists(folder) ? list(folder, Prefix + "*").Select(p => Path.GetFileName(p)) : [];

    private static bool IsStale(string name)
    {
        string[] parts = name.Split('-');
        return parts.Length >= 3
            && int.TryParse(parts[1], CultureInfo.InvariantCulture, out int pid)
            && !Directory.Exists($"/proc/{pid}")
            && !File.Exists(Path.Combine(Path.GetTempPath(), string.Join('-', parts[..3]), KeepMark));
    }
}
