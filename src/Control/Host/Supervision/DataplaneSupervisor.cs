using System.Diagnostics;
using System.Text.Json;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>
/// Keeps the dataplane running: attaches to one that is there, starts it where none is, starts it again when it dies. It
/// lives in a session of its own, so that control's end is not its end. Owns the region.
/// </summary>
public sealed class DataplaneSupervisor(ControlOptions options, EventLog events, ILogger<DataplaneSupervisor> log) : IDisposable
{
    private const int PollMs = 20, BackOffMinMs = 50, BackOffMaxMs = 5_000, StopTimeoutMs = 5_000, StableMs = 10_000, LogTailBytes = 4_096, RetiredMs = 30_000;

    private readonly Lock _lock = new();
    private readonly List<(Region Region, long DueMs)> _retired = [];
    private DataplaneSettings? _settings;
    private Process? _process;
    private int _pid, _backOffMs = BackOffMinMs;
    private long _startDueMs, _startedMs;
    private ProcessState _reported;
    private volatile string? _lastEnd;
    private readonly bool?[] _links = new bool?[Limits.PortsMax];

    /// <summary>The region; null until the first configuration. One that is replaced stays mapped for a while: other threads may be reading it.</summary>
    public Region? Region { get; private set; }

    private string RegionPath => Path.Combine(options.RunFolder, "region");

    private string ConfigPath => Path.Combine(options.RunFolder, "dataplane.json");

    /// <summary>Times that the dataplane had to be started again.</summary>
    public int Restarts { get; private set; }

    /// <summary>How the dataplane ended the last time that it ended with these settings; null if it has not.</summary>
    public string? LastEnd => _lastEnd;

    /// <summary>Whether the dataplane's workers run.</summary>
    public bool IsForwarding => Region != null && _pid != 0 && Region.Process.State == ProcessState.Running;

    /// <summary>Called before a dataplane that runs is stopped: what has to leave by it is to be sent now. Whoever looks finds none running any more.</summary>
    public Action? Stopping { get; set; }

    /// <summary>Pid of the dataplane, 0 = none.</summary>
    public int Pid => _pid;

    /// <summary>Opens the region that an earlier control has left, if there is a good one.</summary>
    public void Attach()
    {
        lock (_lock)
        {
            TryAttach();
        }
    }

    /// <summary>Takes new settings: stops a dataplane that runs with others, remakes the region where its dimensions differ.</summary>
    public void Configure(DataplaneSettings settings)
    {
        lock (_lock)
        {
            bool first = _settings == null;
            DataplaneConfig config = DataplanePlan.Make(settings, options.RunFolder);
            string json = JsonSerializer.Serialize(config, DataplaneConfigJson.Default.DataplaneConfig);
            RegionLayout layout = DataplanePlan.Layout(settings);
            bool running = TryAttach();
            bool same = first && running && File.Exists(ConfigPath) && Region!.Layout == layout && SameConfig(File.ReadAllText(ConfigPath), json);
            if (same)
            {
                _settings = settings;
                Log.Attached(log, _pid);
                return;
            }

            StopDataplane();
            OpenRegion(layout);
            File.WriteAllText(ConfigPath + ".tmp", json);
            File.Move(ConfigPath + ".tmp", ConfigPath, overwrite: true);
            _settings = settings;
            _backOffMs = BackOffMinMs;
            _startDueMs = 0;
            _lastEnd = null;
            _reported = ProcessState.None;
            Start();
        }
    }

    /// <summary>Back to how it was before the first configuration: no dataplane, no region.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            StopDataplane();
            _settings = null;
            Retire();
            File.Delete(RegionPath);
            File.Delete(ConfigPath);
        }
    }

    /// <summary>Watches until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            lock (_lock)
            {
                Watch();
            }

            await Task.Delay(PollMs, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (options.StopDataplaneOnExit)
        {
            lock (_lock)
            {
                StopDataplane();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process?.Dispose();
        Region?.Dispose();
        _retired.ForEach(r => r.Region.Dispose());
    }

    private void Watch()
    {
        UnmapRetired();
        if (_settings == null || Region == null)
        {
            return;
        }

        if (_pid != 0 && !IsAlive(_pid))
        {
            Died();
        }

        if (_pid == 0)
        {
            if (!TryAttach() && options.StartDataplane && Environment.TickCount64 >= _startDueMs)
            {
                Restarts++;
                Start();
            }
        }
        else if (Region.Process.State != _reported && Region.Process.Pid == _pid)
        {
            _reported = Region.Process.State;
            if (_reported == ProcessState.Running)
            {
                AddExceptionAddresses();
                events.Add("dataplane.started", $"Dataplane {_pid} forwards.", SnapshotWord.Generation(Region.Header.Accepted));
            }
        }

        WatchLinks();
    }

    /// <summary>Tells which links have come up or gone down since the last look.</summary>
    private void WatchLinks()
    {
        for (int i = 0; i < (int)Region!.Process.PortCount && Region.Process.State == ProcessState.Running; i++)
        {
            ref PortBlock port = ref Region.Port(i);
            bool up = port.LinkUp != 0;
            if (_links[i] is { } was && was != up)
            {
                events.Add("port.link", $"Port {TextBytes.Read(port.Name)}: link is {(up ? "up" : "down")}, {port.SpeedMbps} Mbit/s.", SnapshotWord.Generation(Region.Header.Accepted));
            }

            _links[i] = up;
        }
    }

    private void Died()
    {
        bool failed = Region!.Process.State == ProcessState.Failed;
        string why = failed ? TextBytes.Read(Region.Process.ErrorText) : HowItEnded();
        _lastEnd = why;
        events.Add(failed ? "dataplane.failed" : "dataplane.died", $"Dataplane {_pid}: {why}", SnapshotWord.Generation(Region.Header.Accepted));
        _pid = 0;
        _reported = ProcessState.None;
        Region.ReleaseDeadDataplane();
        // At once if it had run for a while; one that dies soon after each start is started less and less often.
        bool wasStable = Environment.TickCount64 - _startedMs >= StableMs;
        _startDueMs = Environment.TickCount64 + (wasStable ? 0 : _backOffMs);
        _backOffMs = wasStable ? BackOffMinMs : Math.Min(_backOffMs * 2, BackOffMaxMs);
    }

    /// <summary>For a dataplane that could not say it itself: the signal, or the exit code and its last line of log.</summary>
    private string HowItEnded()
    {
        if (_process == null || _process.Id != _pid || !_process.WaitForExit(BackOffMinMs))
        {
            return "it ended unexpectedly"; // started by an earlier control: its exit code went elsewhere
        }

        const int SignalBase = 128;
        return _process.ExitCode > SignalBase
            ? $"it was ended by signal {_process.ExitCode - SignalBase}"
            : $"it ended with exit code {_process.ExitCode}; its last line of log: {LastLogLine()}";
    }

    private string LastLogLine()
    {
        try
        {
            using FileStream log = new(Path.Combine(options.RunFolder, "dataplane.log"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            log.Seek(-Math.Min(log.Length, LogTailBytes), SeekOrigin.End);
            using StreamReader reader = new(log);
            return reader.ReadToEnd().TrimEnd().Split('\n')[^1];
        }
        catch (IOException e)
        {
            return e.Message;
        }
    }

    private void Start()
    {
        if (!options.StartDataplane)
        {
            return;
        }

        // setsid: a session of its own, so that neither control's death nor a Ctrl-C reaches it.
        ProcessStartInfo info = new("setsid", ["sh", "-c", "exec \"$0\" --config \"$1\" >>\"$2\" 2>&1 </dev/null", options.DataplanePath, ConfigPath, Path.Combine(options.RunFolder, "dataplane.log")])
        {
            UseShellExecute = false,
        };
        _process?.Dispose();
        _startedMs = Environment.TickCount64;
        _process = Process.Start(info);
        _pid = _process?.Id ?? 0;
        Log.Started(log, _pid, options.DataplanePath);
    }

    private bool TryAttach()
    {
        if (Region == null)
        {
            try
            {
                Region = File.Exists(RegionPath) ? Region.Open(RegionPath) : null;
            }
            catch (RegionException e)
            {
                Log.RegionUnusable(log, e.Message);
            }
        }

        int pid = (int)(Region?.Process.Pid ?? 0);
        bool runs = pid != 0 && Region!.Process.State is ProcessState.Starting or ProcessState.Running && IsAlive(pid) && IsDataplane(pid);
        _pid = runs ? pid : 0;
        return runs;
    }

    private void OpenRegion(RegionLayout layout)
    {
        if (Region != null && Region.Layout == layout && File.Exists(RegionPath))
        {
            return;
        }

        Region.Create(RegionPath, layout); // nobody runs: what is there is of other dimensions or another version
        Region made = Region.Open(RegionPath);
        Retire();
        Region = made;
    }

    private void Retire()
    {
        if (Region != null)
        {
            _retired.Add((Region, Environment.TickCount64 + RetiredMs));
            Region = null;
        }
    }

    private void UnmapRetired()
    {
        while (_retired.Count > 0 && Environment.TickCount64 >= _retired[0].DueMs)
        {
            _retired[0].Region.Dispose();
            _retired.RemoveAt(0);
        }
    }

    private void StopDataplane()
    {
        if (_pid == 0)
        {
            return;
        }

        using Process? process = GetProcess(_pid);
        int pid = _pid;
        _pid = 0;
        if (process == null)
        {
            return;
        }

        Stopping?.Invoke();
        Signals.Send(pid, Signals.Terminate);
        if (!process.WaitForExit(StopTimeoutMs))
        {
            process.Kill();
            process.WaitForExit(StopTimeoutMs);
        }

        Region?.ReleaseDeadDataplane();
    }

    /// <summary>Puts the interfaces' own addresses on the exception ports, for the host's own services.</summary>
    private void AddExceptionAddresses()
    {
        foreach ((string device, string address) in ExceptionAddresses)
        {
            using Process? ip = Process.Start(new ProcessStartInfo("ip", ["addr", "replace", address, "dev", device]) { UseShellExecute = false });
            ip?.WaitForExit(StopTimeoutMs);
        }
    }

    /// <summary>Addresses with prefix length for each exception port; set by the owner of the state.</summary>
    public IReadOnlyList<(string Device, string Address)> ExceptionAddresses { get; set; } = [];

    private static bool SameConfig(string a, string b)
    {
        try
        {
            using JsonDocument left = JsonDocument.Parse(a), right = JsonDocument.Parse(b);
            // The file prefix is a name only; everything else decides.
            return JsonElement.DeepEquals(left.RootElement, right.RootElement);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static Process? GetProcess(int pid)
    {
        try
        {
            return Process.GetProcessById(pid);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static bool IsAlive(int pid)
    {
        try
        {
            // "1234 (name) S ...": a zombie forwards nothing.
            string stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[stat.LastIndexOf(')') + 2] is not ('Z' or 'X');
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static bool IsDataplane(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline").Contains("forwarder-dataplane", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }
}
