using System.Globalization;
using System.Net;
using Forwarder.Api;

namespace Forwarder.Cli;

/// <summary>Carries ipvsadm's commands out by the API.</summary>
public sealed class IpvsadmCommand(ApiClient api, TextReader input, TextWriter output)
{
    private const string DefaultScheduler = "wlc", DefaultMethod = "dr";

    /// <summary>Runs a command line.</summary>
    public void Run(IReadOnlyList<string> arguments)
    {
        IpvsadmOptions o = IpvsadmOptions.Parse(arguments);
        switch (o.Command)
        {
            case 'A': api.Change(HttpMethod.Post, "v1/services", ApiClient.Json(NewService(o), ApiJson.Default.VirtualService)); break;
            case 'E': api.Change(HttpMethod.Patch, ApiClient.ServicePath(ServiceId(o)), ApiClient.Json(new ServiceChange { Scheduler = o.Scheduler ?? DefaultScheduler }, ApiJson.Default.ServiceChange)); break;
            case 'D': api.Change(HttpMethod.Delete, ApiClient.ServicePath(ServiceId(o))); break;
            case 'C': api.Change(HttpMethod.Delete, "v1/services"); break;
            case 'a': api.Change(HttpMethod.Post, ApiClient.ServicePath(ServiceId(o)) + "/servers", ApiClient.Json(NewServer(o), ApiJson.Default.RealServer)); break;
            case 'e': api.Change(HttpMethod.Patch, ApiClient.ServerPath(ServiceId(o), ServerId(o)), ApiClient.Json(new RealServerChange { Weight = o.Weight ?? 1, UpperThreshold = o.UpperThreshold ?? 0, LowerThreshold = o.LowerThreshold ?? 0, Method = o.Method ?? DefaultMethod, Tunnel = o.Method == "tunnel" ? o.Tunnel ?? new TunnelSettings() : null }, ApiJson.Default.RealServerChange)); break;
            case 'd': api.Change(HttpMethod.Delete, ApiClient.ServerPath(ServiceId(o), ServerId(o))); break;
            case 'Z': api.Change(HttpMethod.Post, "v1/counters/zero" + (o.Service == null ? "" : "?service=" + Uri.EscapeDataString(ServiceId(o)))); break;
            case '5': SetTimeouts(o.SetSeconds); break;
            case 'R': Restore(); break;
            case 'S': new IpvsadmListing(output).Save([.. IpvsadmOrder.Sorted(api.Get("v1/services", ApiJson.Default.ServiceList).Services)]); break;
            case 'h': output.WriteLine("Usage: ipvsadm -A|-E -t|-u VIP:PORT [-s SCHEDULER] | -D -t|-u VIP:PORT | -C | -R | -S [-n] | -a|-e -t|-u VIP:PORT -r RIP[:PORT] [-g|-m|-b|-i [--tun-type ipip|gue|gre] [--tun-port PORT] [--tun-csum|--tun-nocsum]] [-w WEIGHT] [-x UPPER] [-y LOWER] | -d -t|-u VIP:PORT -r RIP | -L [-n] [--stats|--rate|--thresholds|-c|--timeout] | -Z [-t|-u VIP:PORT] | --set TCP TCPFIN UDP"); break;
            case 'v': output.WriteLine("ipvsadm of Forwarder (command line of ipvsadm v1.31)"); break;
            default: List(o); break;
        }
    }

    private void List(IpvsadmOptions o)
    {
        IpvsadmListing listing = new(output);
        if (o.Timeouts)
        {
            TimeoutSettings t = Config().Timeouts;
            output.WriteLine($"Timeout (tcp tcpfin udp): {t.TcpEstablishedS} {t.TcpFinWaitS} {t.UdpS}");
        }
        else if (o.Connections)
        {
            listing.Connections(ConnectionPages.All(api, ConnectionPages.Query(("service", o.Service == null ? null : ServiceId(o)))));
        }
        else
        {
            IEnumerable<ServiceView> services = api.Get("v1/services", ApiJson.Default.ServiceList).Services.Where(s => o.Service == null || s.Id == ServiceId(o));
            ServiceView[] shown = [.. o.Unsorted ? services : IpvsadmOrder.Sorted(services)];
            if (o.Service != null && shown.Length == 0)
            {
                throw new CliException("No such service");
            }

            listing.Services(shown, o);
        }
    }

    /// <summary>Commands from stdin, as -S writes them; all are read and checked before the first is carried out.</summary>
    private void Restore()
    {
        List<string[]> lines = [];
        for (string? line = input.ReadLine(); line != null; line = input.ReadLine())
        {
            string[] words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length > 0 && !words[0].StartsWith('#'))
            {
                IpvsadmOptions.Parse(words);
                lines.Add(words);
            }
        }

        lines.ForEach(Run);
    }

    private void SetTimeouts(int[] seconds)
    {
        (string body, string? etag) = api.GetWithETag("v1/config");
        DesiredState state = System.Text.Json.JsonSerializer.Deserialize(body, ApiJson.Default.DesiredState)!;
        TimeoutSettings t = state.Timeouts;
        DesiredState next = state with
        {
            Timeouts = t with
            {
                TcpEstablishedS = seconds[0] == 0 ? t.TcpEstablishedS : seconds[0], TcpFinWaitS = seconds[1] == 0 ? t.TcpFinWaitS : seconds[1], UdpS = seconds[2] == 0 ? t.UdpS : seconds[2],
            },
        };
        api.Change(HttpMethod.Put, "v1/config", ApiClient.Json(next, ApiJson.Default.DesiredState), etag);
    }

    private DesiredState Config() => api.Get("v1/config", ApiJson.Default.DesiredState);

    private static VirtualService NewService(IpvsadmOptions o) => new()
    {
        Protocol = o.Protocol!, Address = o.Service!.Address.ToString(), Port = o.Service.Port, Scheduler = o.Scheduler ?? DefaultScheduler,
    };

    private static RealServer NewServer(IpvsadmOptions o) => new()
    {
        Address = o.Server!.Address.ToString(), Port = o.Server.Port == 0 ? null : o.Server.Port, Weight = o.Weight ?? 1, UpperThreshold = o.UpperThreshold, LowerThreshold = o.LowerThreshold, Method = o.Method ?? DefaultMethod, Tunnel = o.Tunnel,
    };

    private static string ServiceId(IpvsadmOptions o) => string.Create(CultureInfo.InvariantCulture, $"{o.Protocol}:{o.Service}");

    private static string ServerId(IpvsadmOptions o) => new IPEndPoint(o.Server!.Address, o.Server.Port == 0 ? o.Service!.Port : o.Server.Port).ToString();
}
