using System.Diagnostics;
using Forwarder.Api;

namespace Forwarder.Lab;

/// <summary>The director under test: forwarder-control, which starts forwarder-dataplane, in a namespace whose port is d0.</summary>
public sealed class Director : IDisposable
{
    private const int StartTimeoutMs = 20_000;
    private readonly Netns _netns;
    private Process? _control;

    internal Director(Netns netns, string folder)
    {
        (_netns, Folder) = (netns, folder);
        Api = new ApiConnection(Path.Combine(RunFolder, "api.sock"));
    }

    /// <summary>The director's namespace.</summary>
    public Netns Host => _netns;

    /// <summary>Folder of configuration, state and logs.</summary>
    public string Folder { get; }

    /// <summary>The director's run folder (--run).</summary>
    public string RunFolder => Path.Combine(Folder, "run");

    /// <summary>The HTTP API.</summary>
    public ApiConnection Api { get; }

    /// <summary>What the director starts with if it has no state: a port on d0 with the exception port fwd0, DIP of S1.</summary>
    public string Configuration { get; set; } = $$"""
        {
          "dataplane": { "flowsPerWorker": 65536, "ports": [ { "name": "lan0", "device": "net_af_packet0,iface=d0", "exception": "fwd0" } ] },
          "interfaces": [ { "name": "lan0", "port": "lan0", "addresses": [ "{{S1Lab.Dip}}", "{{S1Lab.DipV6}}" ] } ]
        }
        """;

    /// <summary>Puts a source pool "lan" of these addresses into <see cref="Configuration"/>.</summary>
    public void AddSourcePool(params string[] addresses) => Configuration = Configuration.Replace("\"interfaces\"", $$"""
        "sourcePools": [ { "name": "lan", "addresses": [ {{string.Join(", ", addresses.Select(a => $"\"{a}\""))}} ] } ],
          "interfaces"
        """, StringComparison.Ordinal);

    /// <summary>Whether it was started and has not crashed.</summary>
    public bool HasStarted => _control != null;

    /// <summary>Process id of control.</summary>
    public int ControlPid => _control!.Id;

    /// <summary>Control's VRRP thread: its folder in /proc.</summary>
    public string VrrpThread => Directory.GetDirectories($"/proc/{ControlPid}/task").Single(task => File.ReadAllText($"{task}/comm").Trim() == "vrrp");

    /// <summary>Process id of the dataplane, as the API says.</summary>
    public int DataplanePid => Api.Get("v1/status", ApiJson.Default.StatusView).Dataplane.Pid;

    /// <summary>Starts control and waits until the dataplane runs.</summary>
    public void Start()
    {
        StartControl();
        Wait.Until(() => IsRunning, "the dataplane runs", StartTimeoutMs);
    }

    /// <summary>Starts control; does not wait.</summary>
    public void StartControl()
    {
        string configuration = Path.Combine(Folder, "forwarder.json");
        File.WriteAllText(configuration, Configuration);
        // The shell and ip-netns-exec become the program: the process id is control's. A log file, not a pipe: it outlives this process.
        _control = Process.Start(new ProcessStartInfo("sh", ["-c", $"exec \"$@\" >>{Folder}/control.log 2>&1", "sh", "ip", "netns", "exec", _netns.Name,
            Repository.Program("control/forwarder-control"), "--config", configuration, "--state", Path.Combine(Folder, "state"), "--run", RunFolder]))!;
    }

    /// <summary>SIGKILL to control; the dataplane goes on.</summary>
    public void KillControl()
    {
        _control!.Kill();
        _control.WaitForExit();
    }

    /// <summary>SIGKILL to both, as when the host dies.</summary>
    public void Crash()
    {
        int dataplane = DataplanePid;
        Shell.Run($"kill -9 {ControlPid} {dataplane}");
        _control!.WaitForExit();
        _control.Dispose();
        _control = null;
    }

    /// <summary>SIGKILL to the dataplane, which control starts again.</summary>
    public void KillDataplane() => Shell.Run($"kill -9 {DataplanePid}");

    /// <summary>ipvsadm with these arguments, as an LVS user would type them.</summary>
    public CommandResult Ipvsadm(string arguments) => Cli("cli/ipvsadm", arguments);

    /// <summary>fwdctl with these arguments.</summary>
    public CommandResult Fwdctl(string arguments) => Cli("cli/fwdctl", arguments);

    /// <summary>What control and the dataplane have logged.</summary>
    public string Logs => string.Join('\n', new[] { Path.Combine(Folder, "control.log"), Path.Combine(RunFolder, "dataplane.log") }.Where(File.Exists).Select(File.ReadAllText));

    /// <summary>Leaves the director running when this process ends.</summary>
    public void Detach() => _control = null;

    /// <inheritdoc/>
    public void Dispose()
    {
        Api.Dispose();
        if (_control is { HasExited: false })
        {
            KillControl();
        }

        _control?.Dispose();
        // The dataplane lives in the namespace and ends with it.
    }

    private bool IsRunning
    {
        get
        {
            if (_control!.HasExited)
            {
                throw new InvalidOperationException($"forwarder-control ended with code {_control.ExitCode}:\n{Logs}");
            }

            return Api.TryGet("v1/status", ApiJson.Default.StatusView) is { Dataplane.State: "running" };
        }
    }

    private CommandResult Cli(string program, string arguments)
    {
        string[] words = [Repository.Program(program), .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        return Shell.Try(["env", $"FORWARDER_SOCKET={Path.Combine(RunFolder, "api.sock")}", .. words]);
    }
}
