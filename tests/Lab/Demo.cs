using System.Runtime.InteropServices;
using Forwarder.Api;

namespace Forwarder.Lab;

/// <summary>The demo: a director between real clients and real servers, set up as any LVS user would, changed under load.</summary>
public sealed class Demo : IDisposable
{
    private const int Clients = 4, PhaseRequests = 15_000, OutRequests = 4_000, CatchUpTimeoutMs = 60_000, DrainTimeoutMs = 10_000;
    private const double ShareTolerancePoints = 3;
    private const string Service = "v1/services/tcp:172.16.58.1:80", Leaver = "172.16.58.8:80";

    // script/demo's own lines, as in any LVS how-to.
    private static readonly string[] s_lines =
    [
        "-A -t 172.16.58.1:80 -s wlc",
        "-a -t 172.16.58.1:80 -r 172.16.58.7 -g -w 2",
        "-a -t 172.16.58.1:80 -r 172.16.58.8 -g -w 1",
    ];

    private readonly S1Lab _lab = new();

    /// <summary>Runs the demo. Returns the exit code.</summary>
    public static int Run(bool keep)
    {
        const int InterruptedExitCode = 130;
        Demo? demo = null;
        bool interrupted = false;
        void Interrupt(PosixSignalContext context)
        {
            context.Cancel = true;
            interrupted = true;
            demo?.Dispose();
            Environment.Exit(InterruptedExitCode);
        }

        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
        try
        {
            demo = new Demo();
            return demo.Run() && (!keep || demo.Keep()) ? 0 : 1;
        }
        catch (Exception) when (interrupted)
        {
            // The lab is being taken down under the demo's feet; the signal's handler ends the process.
            Thread.Sleep(Timeout.Infinite);
            return InterruptedExitCode;
        }
        finally
        {
            demo?.Dispose();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lab)
        {
            _lab.Dispose();
        }
    }

    private static void Say(string text) => Console.WriteLine($"demo: {text}");

    private bool Run()
    {
        Say($"network 172.16.0.0/16: client {S1Lab.ClientAddress}, director 172.16.58.2, real servers {string.Join(", ", _lab.RealServers.Select(s => s.Address))}");
        _lab.Director.Start();
        Say("the director runs (port lan0 on net_af_packet); its services, as for ipvsadm:");
        foreach (string line in s_lines)
        {
            Console.WriteLine($"    ipvsadm {line}");
            Check(_lab.Director.Ipvsadm(line));
        }

        Console.Write(Check(_lab.Director.Ipvsadm("-L -n")));
        IReadOnlyList<LoadPhase> phases = Load();
        return Report(phases);
    }

    private IReadOnlyList<LoadPhase> Load()
    {
        using HttpLoad load = new(_lab.Client, S1Lab.Vip, clients: Clients, phase: "both in");
        Say($"{Clients} clients load http://{S1Lab.Vip}/ again and again, each time over a new connection");
        load.WaitFor(PhaseRequests);

        Say($"PATCH …/servers/{Leaver} weight 0, wait until it is drained, DELETE it");
        Change(HttpMethod.Patch, $"{Service}/servers/{Leaver}", """{"weight":0}""");
        load.Enter("rs8 going out");
        Wait.Until(() => Server(Leaver).ActiveConnections == 0, $"{Leaver} is drained", DrainTimeoutMs);
        Change(HttpMethod.Delete, $"{Service}/servers/{Leaver}");
        load.Enter("rs8 out");
        load.WaitFor(OutRequests);

        Say($"POST …/servers {Leaver} weight 1: it is back");
        load.Enter("rs8 back, wlc catches up");
        Change(HttpMethod.Post, $"{Service}/servers", """{"address":"172.16.58.8","weight":1}""");
        Wait.Until(CaughtUp, "the connections are 2:1 again", CatchUpTimeoutMs);
        load.Enter("both in again");
        load.WaitFor(PhaseRequests);
        return load.Stop();
    }

    /// <summary>wlc compares (256 · active + inactive) / weight: a server that returns gets more than its share until both have as many per weight.</summary>
    private bool CaughtUp()
    {
        RealServerView one = Server("172.16.58.7:80"), two = Server(Leaver);
        return two.InactiveConnections >= one.InactiveConnections / 2.0 * 0.99;
    }

    private RealServerView Server(string id) => _lab.Director.Api.Get(Service, ApiJson.Default.ServiceView).Servers.First(s => s.Id == id);

    private void Change(HttpMethod method, string path, string? json = null)
    {
        (int status, string body) = _lab.Director.Api.Send(method, path, json);
        if (status is < 200 or > 299)
        {
            throw new InvalidOperationException($"{method} {path}: {status}: {body}");
        }
    }

    private static string Check(CommandResult result) =>
        result.ExitCode == 0 ? result.Output : throw new InvalidOperationException($"exit code {result.ExitCode}: {result.Errors}{result.Output}");

    /// <summary>Prints the tables; whether shares and failures are as they must be.</summary>
    private bool Report(IReadOnlyList<LoadPhase> phases)
    {
        Console.WriteLine();
        Console.WriteLine($"{"phase",-26}{"requests",10}{"failed",8}{"rs7 (weight 2)",18}{"rs8 (weight 1)",18}{"longest",12}");
        foreach (LoadPhase p in phases)
        {
            Console.WriteLine($"{p.Name,-26}{p.Requests,10}{p.Failed,8}{p.SharePercent("rs7"),16:0.0} %{p.SharePercent("rs8"),16:0.0} %{p.LongestMs,9:0} ms");
        }

        PrintCounters();
        Console.WriteLine();
        Console.Write($"the client's neighbour entry of the VIP: {_lab.Client.Ip($"neigh show {S1Lab.Vip}")}");
        Console.WriteLine($"the director's port:                     {S1Lab.DirectorMac}");
        bool good = phases.All(p => p.Failed == 0);
        foreach (LoadPhase p in phases.Where(p => p.Name.StartsWith("both", StringComparison.Ordinal)))
        {
            double awayPoints = Math.Abs(p.SharePercent("rs7") - (200.0 / 3));
            if (awayPoints > ShareTolerancePoints)
            {
                Say($"phase \"{p.Name}\": the shares are {awayPoints:0.0} points away from 2:1, more than {ShareTolerancePoints}");
                good = false;
            }
        }

        foreach (string failure in phases.SelectMany(p => p.Failures))
        {
            Say($"failed: {failure}");
        }

        Console.WriteLine($"demo: {phases.Sum(p => p.Requests)} requests, {phases.Sum(p => p.Failed)} failed");
        return good;
    }

    private void PrintCounters()
    {
        CountersView counters = _lab.Director.Api.Get("v1/counters", ApiJson.Default.CountersView);
        Console.WriteLine();
        Console.WriteLine($"{"packets",-40}{"",12}");
        foreach ((string name, ulong value) in counters.Workers.Concat(counters.SlowPath).Where(c => c.Value > 0))
        {
            Console.WriteLine($"  {name,-38}{value,12}");
        }

        Console.WriteLine("dropped, by reason");
        foreach ((string name, ulong value) in counters.Drops.Where(c => c.Value > 0).DefaultIfEmpty(new("none", 0)))
        {
            Console.WriteLine($"  {name,-38}{value,12}");
        }
    }

    private bool Keep()
    {
        _lab.Keep();
        string publish = Path.GetDirectoryName(Path.GetDirectoryName(Repository.Program("cli/fwdctl")))!;
        Console.WriteLine($"""

            The lab stays up. Try:
              export FORWARDER_SOCKET={_lab.Director.RunFolder}/api.sock PATH={publish}/cli:$PATH
              ip netns exec {_lab.Client.Name} curl http://{S1Lab.Vip}/
              ip netns exec {_lab.Client.Name} ping -c 3 {S1Lab.Vip}
              ipvsadm -L -n --stats
              fwdctl status
              fwdctl neighbours
              curl -s --unix-socket $FORWARDER_SOCKET http://localhost/v1/config
            Take it down with: script/demo --down
            """);
        return true;
    }
}
