using System.Diagnostics;
using System.Globalization;

namespace Forwarder.Bench;

/// <summary>The machine's facts, its CPUs for the bench, and huge pages: taken for the bench and given back.</summary>
public sealed class Machine : IDisposable
{
    private const string HugepagesPath = "/proc/sys/vm/nr_hugepages";
    private readonly string _root;
    private string? _hugepagesBefore;
    private int _disposed;

    public Machine(int memoryMiB)
    {
        _root = FindRoot();
        int cpus = Environment.ProcessorCount;
        if (cpus < 2)
        {
            throw new BenchException("The bench needs two CPUs: one for the worker and one for everything else.");
        }

        WorkerCpu = cpus - 1;
        Reserve(memoryMiB);
        Hugepages = FreeHugepagesMiB() >= memoryMiB;
    }

    /// <summary>CPU of the worker, and of everything else.</summary>
    public int WorkerCpu { get; }
    public int HousekeepingCpu { get; }

    /// <summary>Whether DPDK's memory is in huge pages.</summary>
    public bool Hugepages { get; }

    /// <summary>A path in the repository.</summary>
    public string Repository(string path) => Path.Combine(_root, path);

    /// <summary>A program or library of the bench.</summary>
    public string Native(string name) => Repository(Path.Combine("artifacts/native/bench/LineRate/native", name));

    /// <summary>Name and value of each fact.</summary>
    public Dictionary<string, string> Facts() => new()
    {
        ["cpu"] = $"{CpuInfo("model name")} (family {CpuInfo("cpu family")}, model {CpuInfo("model")}), {Environment.ProcessorCount} CPUs, worker on CPU {WorkerCpu}",
        ["memory"] = $"{File.ReadLines("/proc/meminfo").First().Split(':')[1].Trim()}, DPDK's in {(Hugepages ? "huge pages of 2 MiB" : "pages of 4 KiB")}",
        ["kernel"] = File.ReadAllText("/proc/sys/kernel/osrelease").Trim(),
        ["dpdk"] = Output("pkg-config", "--modversion", "libdpdk"),
        ["compiler"] = Output("cc", "--version").Split('\n')[0],
        ["runtime"] = $"dataplane NativeAOT for x86-64-v3, .NET {Environment.Version}",
        ["date"] = DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture),
    };

    /// <summary>Gives the huge pages back.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0 && _hugepagesBefore != null)
        {
            File.WriteAllText(HugepagesPath, _hugepagesBefore);
        }
    }

    /// <summary>Makes sure that so much is free in huge pages, where it can be had: other programs may have taken some.</summary>
    public void Reserve(int memoryMiB)
    {
        long missing = memoryMiB - FreeHugepagesMiB();
        if (missing <= 0)
        {
            return;
        }

        try
        {
            string before = File.ReadAllText(HugepagesPath).Trim();
            File.WriteAllText(HugepagesPath, $"{long.Parse(before, CultureInfo.InvariantCulture) + ((missing + 1) / 2)}");
            _hugepagesBefore ??= before;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"bench: huge pages cannot be reserved ({e.Message}).");
        }
    }

    private static long FreeHugepagesMiB() =>
        long.Parse(File.ReadLines("/proc/meminfo").First(l => l.StartsWith("HugePages_Free", StringComparison.Ordinal)).Split(':')[1].Trim(), CultureInfo.InvariantCulture) * 2;

    private static string CpuInfo(string name) =>
        File.ReadLines("/proc/cpuinfo").Select(l => l.Split(':')).FirstOrDefault(p => p[0].Trim() == name)?[1].Trim() ?? "?";

    private static string Output(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        string text = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return text;
    }

    private static string FindRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder != null && !File.Exists(Path.Combine(folder.FullName, "Forwarder.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new BenchException("Forwarder.sln is not found above the program.");
    }
}
