using System.Globalization;
using Forwarder.Api;

namespace Forwarder.Cli;

/// <summary>Prints as ipvsadm 1.31 does. Names are never resolved: as with -n.</summary>
public sealed class IpvsadmListing(TextWriter output)
{
    private const int NameWidth = 33;

    /// <summary>-L, with --stats, --rate or --thresholds.</summary>
    public void Services(IReadOnlyList<ServiceView> services, IpvsadmOptions o)
    {
        if (o.Service == null)
        {
            output.WriteLine("IP Virtual Server version 1.2.1 (size=4096)");
        }

        if (o is { Thresholds: true, Stats: false, Rate: false })
        {
            Thresholds(services);
            return;
        }

        output.WriteLine(o.Stats ? "Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes"
            : o.Rate ? "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS"
            : "Prot LocalAddress:Port Scheduler Flags");
        output.WriteLine(o.Stats || o.Rate ? "  -> RemoteAddress:Port" : "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn");
        foreach (ServiceView service in services)
        {
            string name = Name(service);
            output.WriteLine(o.Stats || o.Rate ? name.PadRight(NameWidth) + Traffic(service.Traffic, o) : $"{name} {service.Scheduler}");
            foreach (RealServerView server in service.Servers)
            {
                output.WriteLine(o.Stats || o.Rate
                    ? $"  -> {server.Id}".PadRight(NameWidth) + Traffic(server.Traffic, o)
                    : string.Create(CultureInfo.InvariantCulture, $"  -> {server.Id,-28} {Forward(server.Method),-7} {server.Weight,-6} {server.ActiveConnections,-10} {server.InactiveConnections,-10}"));
            }
        }
    }

    private void Thresholds(IReadOnlyList<ServiceView> services)
    {
        output.WriteLine("Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn ");
        output.WriteLine("  -> RemoteAddress:Port");
        foreach (ServiceView service in services)
        {
            output.WriteLine(Name(service).PadRight(NameWidth));
            foreach (RealServerView server in service.Servers)
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  -> {server.Id,-28} {server.UpperThreshold,-10} {server.LowerThreshold,-10} {server.ActiveConnections,-10} {server.InactiveConnections,-10}"));
            }
        }
    }

    private static string Name(ServiceView service) => $"{service.Protocol.ToUpperInvariant(),-4} {service.Id[(service.Id.IndexOf(':', StringComparison.Ordinal) + 1)..]}";

    /// <summary>-L -c.</summary>
    public void Connections(IEnumerable<ConnectionView> connections)
    {
        output.WriteLine("IPVS connection entries");
        output.WriteLine("pro expire state       source             virtual            destination");
        foreach (ConnectionView c in connections)
        {
            int seconds = (int)c.ExpiresS;
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{c.Protocol.ToUpperInvariant(),-3} {seconds / 60:00}:{seconds % 60:00}  {c.State,-11} {c.Client,-18} {c.Virtual,-18} {c.Server}"));
        }
    }

    /// <summary>-S: what -R reads.</summary>
    public void Save(IReadOnlyList<ServiceView> services)
    {
        foreach (ServiceView service in services)
        {
            string named = $"{(service.Protocol == "sctp" ? "--sctp-service" : $"-{service.Protocol[0]}")} {service.Id[(service.Id.IndexOf(':', StringComparison.Ordinal) + 1)..]}";
            output.WriteLine($"-A {named} -s {service.Scheduler}");
            foreach (RealServerView server in service.Servers)
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"-a {named} -r {server.Id} {Option(server.Method)}{TunnelOptions(server.Tunnel)} -w {server.Weight}{ThresholdOptions(server)}"));
            }
        }
    }

    private static string Forward(string method) => method switch { "tunnel" => "Tunnel", "nat" => "Masq", "fullnat" => "FullNat", _ => "Route" };

    private static string Option(string method) => method switch { "tunnel" => "-i", "nat" => "-m", "fullnat" => "-b", _ => "-g" };

    // ipvsadm 1.31 itself leaves thresholds out; its -R takes them.
    private static string ThresholdOptions(RealServerView server) => string.Create(CultureInfo.InvariantCulture,
        $"{(server.UpperThreshold == 0 ? "" : $" -x {server.UpperThreshold}")}{(server.LowerThreshold == 0 ? "" : $" -y {server.LowerThreshold}")}");

    private static string TunnelOptions(TunnelSettings? tunnel) => tunnel == null ? ""
        : string.Create(CultureInfo.InvariantCulture, $" --tun-type {tunnel.Type}{(tunnel.Port == null ? "" : $" --tun-port {tunnel.Port}")} {(tunnel.Checksum == true ? "--tun-csum" : "--tun-nocsum")}");

    // Direct routing: what the servers answer does not pass the director, so the Out columns are 0, as with LVS.
    private static string Traffic(TrafficView t, IpvsadmOptions o)
    {
        double[] columns = o.Stats ? [t.Connections, t.Packets, 0, t.Bytes, 0] : [t.ConnectionsPerSecond, t.PacketsPerSecond, 0, t.BytesPerSecond, 0];
        return string.Concat(columns.Select(c => " " + (o.Exact ? c.ToString("0", CultureInfo.InvariantCulture).PadLeft(8) : Large(c))));
    }

    // Where ipvsadm 1.31 goes over to the next unit; it cuts off, and does not round.
    private static string Large(double value) => value switch
    {
        < 100_000_000 => Whole(value, 8, ""),
        < 1_000_000_000 => Whole(value / 1e3, 7, "K"),
        < 100_000_000_000 => Whole(value / 1e6, 7, "M"),
        < 100_000_000_000_000 => Whole(value / 1e9, 7, "G"),
        _ => Whole(value / 1e12, 7, "T"),
    };

    private static string Whole(double value, int width, string unit) => Math.Floor(value).ToString("0", CultureInfo.InvariantCulture).PadLeft(width) + unit;
}
