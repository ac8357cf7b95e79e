using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.Nic.Tests;

/// <summary>The published director in the guest: forwarder-control, the forwarder-dataplane that it starts, and fwdctl.</summary>
public sealed class GuestDirector(GuestShell shell)
{
    private const string RunFolder = "/run/forwarder", ConfigFile = "/run/forwarder.json";
    private const int StartTimeoutS = 60;

    // What the dataplane's log says once for each start.
    private const string ReadyMarker = "forwarder-dataplane: running, pid";


    private int _starts;

    /// <summary>Starts it from a desired state and waits until its workers forward.</summary>
    /// <exception cref="InvalidOperationException">It does not forward in time; the message has both programs' logs.</exception>
    public void Start(DesiredState state)
    {
        shell.WriteFile(ConfigFile, JsonSerializer.Serialize(state, ApiJson.Default.DesiredState));
        _ = shell.Check($"{Repository.Program("control/forwarder-control")} --config {ConfigFile} --state /run/forwarder-state --run {RunFolder} --dataplane {Repository.Program("dataplane/forwarder-dataplane")} &> /run/control.log &");
        WaitForwarding();
    }

    /// <summary>What both programs wrote.</summary>
    public string Logs => shell.Run($"cat /run/control.log {RunFolder}/dataplane.log").Output;

    /// <summary>What the dataplane wrote.</summary>
    public string DataplaneLog => shell.Check($"cat {RunFolder}/dataplane.log");

    /// <summary>GET /v1/status.</summary>
    public StatusView Status() => Get("status", ApiJson.Default.StatusView);

    /// <summary>The only port, as GET /v1/ports shows it.</summary>
    public PortView Port() => Get("ports", ApiJson.Default.IReadOnlyListPortView)[0];

    /// <summary>GET /v1/workers.</summary>
    public IReadOnlyList<WorkerView> Workers() => Get("workers", ApiJson.Default.IReadOnlyListWorkerView);

    /// <summary>GET /v1/counters.</summary>
    public CountersView Counters() => Get("counters", ApiJson.Default.CountersView);

    /// <summary>PUT /v1/config: a change of the dataplane's settings restarts it.</summary>
    public void Put(DesiredState state)
    {
        shell.WriteFile(ConfigFile, JsonSerializer.Serialize(state, ApiJson.Default.DesiredState));
        _ = shell.Check($"{Curl} -X PUT -H 'Content-Type: application/json' --data-binary @{ConfigFile} http://director/v1/config");
        WaitForwarding();
    }

    /// <summary>PUT /v1/config without a change of the dataplane's settings: it goes on.</summary>
    public void Change(DesiredState state)
    {
        shell.WriteFile(ConfigFile, JsonSerializer.Serialize(state, ApiJson.Default.DesiredState));
        _ = shell.Check($"{Curl} -X PUT -H 'Content-Type: application/json' --data-binary @{ConfigFile} http://director/v1/config");
    }

    /// <summary>GET /v1/config.</summary>
    public DesiredState Config() => Get("config", ApiJson.Default.DesiredState);

    /// <summary>Runs a line of ipvsadm as it stands.</summary>
    /// <returns>What it printed.</returns>
    public string Ipvsadm(string arguments) => shell.Check($"{Repository.Program("cli/ipvsadm")} {arguments}");

    /// <summary>Events so far of a kind.</summary>
    public IReadOnlyList<DirectorEvent> Events(string kind)
    {
        // The stream has no end: what has happened already comes at once.
        string stream = shell.Run($"curl -sN --max-time 2 --unix-socket {RunFolder}/api.sock http://director/v1/events").Output;
        return
        [
            .. stream.Split('\n').Where(l => l.StartsWith("data: ", StringComparison.Ordinal))
                .Select(l => JsonSerializer.Deserialize(l["data: ".Length..], ApiJson.Default.DirectorEvent)!).Where(e => e.Kind == kind),
        ];
    }

    // Builtins of the shell alone: each process that looks takes time from those that start, and emulated time is dear.
    private void WaitForwarding()
    {
        _starts++;
        string log = $"{RunFolder}/dataplane.log";
        string isReady = $"[[ -S {RunFolder}/api.sock && -r {log} ]] && text=$(<{log}) && rest=${{text//{ReadyMarker}/}} && (( (${{#text}} - ${{#rest}}) / {ReadyMarker.Length} >= {_starts} ))";
        CommandResult result = shell.Run($"exec {{never}}<> <(:) || exit; for ((i = 0; i < {StartTimeoutS * 10}; i++)); do if {isReady}; then break; fi; read -rt 0.1 -u $never; done; ((i < {StartTimeoutS * 10}))", StartTimeoutS + 30);
        if (result.ExitCode != 0)
        {
            throw new InvalidOperationException($"the director does not forward: {result.Output}\n{Logs}");
        }
    }

    private static string Curl => $"curl -sS --fail-with-body --unix-socket {RunFolder}/api.sock";

    private T Get<T>(string path, JsonTypeInfo<T> type) => JsonSerializer.Deserialize(shell.Check($"{Curl} http://director/v1/{path}"), type)!;
}
