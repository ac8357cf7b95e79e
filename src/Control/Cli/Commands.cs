using System.CommandLine;
using System.CommandLine.Help;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Forwarder.Api;

namespace Forwarder.Cli;

/// <summary>fwdctl's commands.</summary>
public static class Commands
{
    private static readonly Option<string?> s_socket = new("--socket") { Description = "Socket of the API (default FORWARDER_SOCKET, else /run/forwarder/api.sock)", Recursive = true };
    private static readonly Option<bool> s_json = new("--json") { Description = "The API's answer as it is", Recursive = true };

    /// <summary>The whole command line.</summary>
    public static RootCommand Root()
    {
        RootCommand root = new("Sets up and watches a Forwarder director.") { s_socket, s_json };
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Aliases.Remove("/h");   // DOS's way would be taken for a path, and offered where files are completed
        help.Aliases.Remove("/?");
        root.Add(Services());
        root.Add(Servers());
        root.Add(Show("status", "The director as a whole", "v1/status", Status));
        root.Add(Show("ports", "Ports and their link", "v1/ports", Ports));
        root.Add(Show("workers", "Forwarding workers", "v1/workers", Workers));
        root.Add(SnatCommands.Command());
        root.Add(Show("pools", "Source addresses of FullNAT and SNAT and their local ports", "v1/source-pools", SourcePools));
        root.Add(Show("neighbours", "MAC addresses of real servers", "v1/neighbours", Neighbours));
        root.Add(Show("stats", "Counters, and packets lost by reason", "v1/counters", Stats));
        root.Add(Connections());
        root.Add(Action("zero", "Start the counters from 0", (api, _) => api.Change(HttpMethod.Post, "v1/counters/zero")));
        root.Add(Action("events", "Follow what happens", Events));
        root.Add(Vrrp());
        root.Add(Config());
        root.Add(CompletionScripts());
        root.Add(new Command("ipvsadm", "ipvsadm's own command line: fwdctl ipvsadm -L -n"));
        return root;
    }

    /// <summary>An option with a whole number, which the library's own message would call a System.Int32.</summary>
    private static Option<int?> Whole(string description, string name, params string[] aliases) => new(name, aliases)
    {
        Description = description,
        CustomParser = given =>
        {
            bool isWhole = int.TryParse(given.Tokens[0].Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number);
            if (!isWhole)
            {
                given.AddError($"{name} {given.Tokens[0].Value}: not a whole number. {description}.");
            }

            return isWhole ? number : null;
        },
    };

    internal static Command Action(string name, string description, Action<ApiClient, ParseResult> run, params Symbol[] symbols)
    {
        Command command = new(name, description);
        foreach (Symbol symbol in symbols)
        {
            if (symbol is Argument argument)
            {
                command.Add(argument);
            }
            else
            {
                command.Add((Option)symbol);
            }
        }

        command.SetAction(parsed =>
        {
            using ApiClient api = new(parsed.GetValue(s_socket));
            run(api, parsed);
        });
        return command;
    }

    internal static Command Show(string name, string description, string path, Action<string> print) => Show(name, description, _ => path, print);

    internal static Command Show(string name, string description, Func<ParseResult, string> path, Action<string> print, params Symbol[] symbols) => Action(name, description, (api, parsed) =>
    {
        string body = api.GetText(path(parsed));
        if (parsed.GetValue(s_json))
        {
            Console.WriteLine(body);
        }
        else
        {
            print(body);
        }
    }, symbols);

    private static Command Services()
    {
        Argument<string> id = new("id") { Description = "Virtual service, for example tcp:172.16.58.1:80" };
        Option<string> scheduler = new("--scheduler", "-s") { Description = "wlc or mh (Maglev)", DefaultValueFactory = _ => "wlc" };
        Option<string?> newScheduler = new("--scheduler", "-s") { Description = "wlc or mh (Maglev)" };
        Option<int?> size = Whole("A prime from 251 to 655373", "--maglev-table-size");
        Option<int?> most = Whole("Connections at which it takes no new ones; 0 = no limit", "--connections-max");
        Option<string?> pool = new("--source-pool") { Description = "Source pool of its FullNAT servers" };
        Option<string?> address = new("--client-address") { Description = "How FullNAT servers learn the addresses of clients: none, proxyV2 (PROXY protocol) or toa (TCP option)" };
        Option<bool?> sloppy = new("--sloppy-tcp") { Description = "true: any TCP packet opens a flow; false: a SYN alone" };
        Option<bool?> sloppySctp = new("--sloppy-sctp") { Description = "true: any SCTP packet opens a flow; false: an INIT alone" };
        Option<bool?> noDestination = new("--expire-no-destination") { Description = "true: flows of a removed real server end; false: they are kept until their time-out" };
        Option<bool?> quiescent = new("--expire-quiescent") { Description = "true: flows of a real server of weight 0 end; false: they go on" };
        Option<bool?> reject = new("--reject") { Description = "true: clients are told when there is no real server (TCP reset, SCTP ABORT, ICMP port unreachable); false: no answer" };
        Option<string?> timeouts = new("--timeouts") { Description = "Its own time-outs in seconds, for example tcpEstablishedS=60,udpS=10" };
        Command service = new("service", "Virtual services");
        service.Add(Show("list", "All virtual services", "v1/services", ServiceList));
        service.Add(Action("show", "One virtual service", (api, p) => Console.WriteLine(api.GetText(ServicePath(p.GetValue(id)!))), id));
        service.Add(Action("add", "Add a virtual service", (api, p) => Change(api, p, HttpMethod.Post, "v1/services", ApiClient.Json(NewService(p.GetValue(id)!, p.GetValue(scheduler)!, p.GetValue(size), p.GetValue(most), p.GetValue(pool), Flows(p), Timeouts(p.GetValue(timeouts))) with { ClientAddress = p.GetValue(address) }, ApiJson.Default.VirtualService)), id, scheduler, size, most, pool, address, sloppy, sloppySctp, noDestination, quiescent, reject, timeouts));
        service.Add(Action("edit", "Change a virtual service", (api, p) => Change(api, p, HttpMethod.Patch, ServicePath(p.GetValue(id)!), ApiClient.Json(new ServiceChange { Scheduler = p.GetValue(newScheduler), MaglevTableSize = p.GetValue(size), ConnectionsMax = p.GetValue(most), SourcePool = p.GetValue(pool), ClientAddress = p.GetValue(address), Flows = Flows(p), Timeouts = Timeouts(p.GetValue(timeouts)) }, ApiJson.Default.ServiceChange)), id, newScheduler, size, most, pool, address, sloppy, sloppySctp, noDestination, quiescent, reject, timeouts));
        service.Add(Action("delete", "Remove a virtual service", (api, p) => Change(api, p, HttpMethod.Delete, ServicePath(p.GetValue(id)!), null), id));
        return service;

        FlowSettings? Flows(ParseResult p)
        {
            FlowSettings flows = new() { SloppyTcp = p.GetValue(sloppy), SloppySctp = p.GetValue(sloppySctp), ExpireNoDestination = p.GetValue(noDestination), ExpireQuiescent = p.GetValue(quiescent), Reject = p.GetValue(reject) };
            return flows == new FlowSettings() ? null : flows;
        }
    }

    private static Command Servers()
    {
        Argument<string> service = new("service") { Description = "Virtual service, for example tcp:172.16.58.1:80" };
        Argument<string> server = new("server") { Description = "Real server: its address, or address:port" };
        Option<int?> weight = Whole("0 to 65535 (default 1); 0 = no new flows", "--weight", "-w");
        Option<int?> newWeight = Whole("0 to 65535; 0 = no new flows", "--weight", "-w");
        Option<int?> upper = Whole("Connections at which it gets no new ones; 0 = no limit", "--upper-threshold");
        Option<int?> lower = Whole("It gets new ones again with fewer than these; 0 = three quarters of the upper threshold", "--lower-threshold");
        Option<string> method = new("--method", "-m") { Description = "dr, tunnel, nat or fullnat", DefaultValueFactory = _ => "dr" };
        Option<string?> newMethod = new("--method", "-m") { Description = "dr, tunnel, nat or fullnat" };
        Option<string?> tunType = new("--tun-type") { Description = "Kind of tunnel: ipip (default), gue or gre" };
        Option<int?> tunPort = Whole("Destination port of a gue tunnel", "--tun-port");
        Option<bool?> tunChecksum = new("--tun-checksum") { Description = "true: gue and gre carry a checksum; false (default): they do not" };
        Command command = new("server", "Real servers of a virtual service");
        command.Add(Action("list", "Real servers", (api, p) => PrintServers(api.Get(ServicePath(p.GetValue(service)!), ApiJson.Default.ServiceView)), service));
        command.Add(Action("add", "Add a real server", (api, p) => Change(api, p, HttpMethod.Post, ServicePath(p.GetValue(service)!) + "/servers", ApiClient.Json(NewServer(p.GetValue(server)!, p.GetValue(weight) ?? 1, p.GetValue(method)!, Tunnel(p)) with { UpperThreshold = p.GetValue(upper), LowerThreshold = p.GetValue(lower) }, ApiJson.Default.RealServer)), service, server, weight, upper, lower, method, tunType, tunPort, tunChecksum));
        command.Add(Action("edit", "Change a real server", (api, p) => Change(api, p, HttpMethod.Patch, ServerPath(p.GetValue(service)!, p.GetValue(server)!), ApiClient.Json(new RealServerChange { Weight = p.GetValue(newWeight), UpperThreshold = p.GetValue(upper), LowerThreshold = p.GetValue(lower), Method = p.GetValue(newMethod), Tunnel = Tunnel(p) }, ApiJson.Default.RealServerChange)), service, server, newWeight, upper, lower, newMethod, tunType, tunPort, tunChecksum));
        command.Add(Action("delete", "Remove a real server", (api, p) => Change(api, p, HttpMethod.Delete, ServerPath(p.GetValue(service)!, p.GetValue(server)!), null), service, server));
        return command;

        TunnelSettings? Tunnel(ParseResult p) => p.GetValue(tunType) == null && p.GetValue(tunPort) == null && p.GetValue(tunChecksum) == null
            ? null
            : new TunnelSettings { Type = p.GetValue(tunType) ?? "ipip", Port = p.GetValue(tunPort), Checksum = p.GetValue(tunChecksum) };
    }

    private static Command Connections()
    {
        Option<string?>[] filters =
        [
            new("--service") { Description = "Those of a virtual service, for example tcp:172.16.58.1:80, or of a rule of SNAT: snat:NAME", Recursive = true },
            new("--client") { Description = "Those of a client: its address, or address:port", Recursive = true },
            new("--server") { Description = "Those to a real server, or a destination of SNAT: its address, or address:port; removed = to one that is gone", Recursive = true },
            new("--state") { Description = "Those in a state, for example ESTABLISHED", Recursive = true },
        ];
        Option<bool> all = new("--all") { Description = "All flows there are" };
        Command connections = Action("connections", "Flows", (api, p) =>
        {
            IEnumerable<ConnectionView> found = ConnectionPages.All(api, Query(p));
            if (p.GetValue(s_json))
            {
                Console.WriteLine(ApiClient.Json(new ConnectionList { Connections = [.. found] }, ApiJson.Default.ConnectionList));
            }
            else
            {
                new IpvsadmListing(Console.Out).Connections(found);
            }
        }, [.. filters]);
        connections.Add(Action("delete", "Remove flows; the next packet of each opens a new one", (api, p) =>
        {
            string answer = api.Change(HttpMethod.Delete, "v1/connections?" + (p.GetValue(all) ? ConnectionPages.Query(("all", "true")) + "&" : "") + Query(p));
            Console.WriteLine(p.GetValue(s_json) ? answer : $"{JsonSerializer.Deserialize(answer, ApiJson.Default.ConnectionRemoval)!.Removed} connections removed.");
        }, all));
        return connections;

        string Query(ParseResult p) => ConnectionPages.Query(filters.Select(f => (f.Name[2..], p.GetValue(f))));
    }

    private static Command Vrrp()
    {
        Argument<string> name = new("group") { Description = "Name of a VRRP group" };
        Option<int?> seconds = Whole("Seconds, 1 to 86400 (default 300)", "--for");
        Command vrrp = new("vrrp", "VRRP groups");
        vrrp.Add(Show("list", "All groups, a line each", "v1/vrrp", VrrpTables.Brief));
        vrrp.Add(Show("show", "One group with timers and counters", p => GroupPath(p.GetValue(name)!), VrrpTables.Verbose, name));
        vrrp.Add(Action("backup", "Make a group backup at once, for some time", (api, p) => VrrpCommand(api, p.GetValue(name)!, "backup", p.GetValue(seconds) ?? 300), name, seconds));
        vrrp.Add(Action("handover", "Hand a group over: active until another director is, then backup for some time", (api, p) => VrrpCommand(api, p.GetValue(name)!, "handover", p.GetValue(seconds) ?? 300), name, seconds));
        vrrp.Add(Action("release", "End the time for which a group was made backup", (api, p) => api.Change(HttpMethod.Post, $"{GroupPath(p.GetValue(name)!)}/release"), name));
        return vrrp;
    }

    private static string GroupPath(string group) => $"v1/vrrp/{Uri.EscapeDataString(group)}";

    private static void VrrpCommand(ApiClient api, string group, string verb, int seconds) =>
        api.Change(HttpMethod.Post, $"{GroupPath(group)}/{verb}", ApiClient.Json(new VrrpCommand { DurationS = seconds }, ApiJson.Default.VrrpCommand));

    private static Command CompletionScripts()
    {
        Argument<string> shell = new("shell") { Description = "bash, zsh or fish; for bash: source <(fwdctl completion bash)" };
        shell.CompletionSources.Add("bash", "zsh", "fish");
        Command command = new("completion", "A script that completes commands and options in a shell") { shell };
        command.SetAction(parsed => Console.WriteLine(Completion.Script(parsed.GetValue(shell)!)));
        return command;
    }

    private static Command Config()
    {
        Argument<string> file = new("file") { Description = "File with the whole desired state (JSON)" };
        Command config = new("config", "The whole desired state");
        config.Add(Action("get", "Print it", (api, _) => Console.WriteLine(api.GetText("v1/config"))));
        config.Add(Action("diff", "What applying a file would change; exit code 0 = nothing", (api, p) => ConfigDiff.Print(Console.Out, api.GetText("v1/config"), ReadFile(p.GetValue(file)!)), file));
        config.Add(Action("apply", "Put a file in force, all of it or nothing", (api, p) =>
        {
            (string _, string? etag) = api.GetWithETag("v1/config");
            Change(api, p, HttpMethod.Put, "v1/config", ReadFile(p.GetValue(file)!), etag);
        }, file));
        return config;
    }

    internal static void Change(ApiClient api, ParseResult parsed, HttpMethod method, string path, string? body, string? ifMatch = null)
    {
        string answer = api.Change(method, path, body, ifMatch);
        ChangeResult result = JsonSerializer.Deserialize(answer, ApiJson.Default.ChangeResult)!;
        Console.WriteLine(parsed.GetValue(s_json) ? answer : $"Generation {result.Generation}{(result.Applied ? " is in force." : $": {result.Note}")}");
    }

    private static VirtualService NewService(string id, string scheduler, int? size, int? most, string? pool, FlowSettings? flows, ServiceTimeouts? timeouts)
    {
        (string protocol, IPEndPoint end) = ServiceEndPoint(id);
        return new VirtualService { Protocol = protocol, Address = end.Address.ToString(), Port = end.Port, Scheduler = scheduler, MaglevTableSize = size, ConnectionsMax = most, SourcePool = pool, Flows = flows, Timeouts = timeouts };
    }

    /// <summary>Time-outs as name=seconds, by the API's names.</summary>
    internal static ServiceTimeouts? Timeouts(string? text)
    {
        if (text == null)
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize($"{{{string.Join(',', text.Split(',').Select(t => t.Split('=', 2)).Select(t => $"\"{JsonEncodedText.Encode(t[0])}\":{t.ElementAtOrDefault(1)}"))}}}", ApiJson.Default.ServiceTimeouts);
        }
        catch (JsonException)
        {
            string[] names = [.. ApiJson.Default.ServiceTimeouts.Properties.Select(p => p.Name)];
            throw new CliException($"{text} are no time-outs; name=seconds are, separated by commas, with the names {string.Join(", ", names)}.", CliException.Usage);
        }
    }

    private static (string Protocol, IPEndPoint End) ServiceEndPoint(string id)
    {
        string[] parts = id.Split(':', 2);
        return parts.Length == 2 && AddressText.TryParseEndPoint(parts[1], out IPEndPoint? end)
            ? (parts[0], end)
            : throw new CliException($"{id} does not name a virtual service: tcp:172.16.58.1:80 or tcp:[fd20::100]:80 does.", CliException.Usage);
    }

    /// <summary>A real server as given; port null = the service's.</summary>
    private static (IPAddress Address, int? Port) ServerEndPoint(string server) =>
        AddressText.TryParse(server, out IPAddress? address) ? (address, null)
        : AddressText.TryParseEndPoint(server, out IPEndPoint? end) ? (end.Address, end.Port)
        : throw new CliException($"{server} does not name a real server: 172.16.58.7, fd20::7, 172.16.58.7:80 or [fd20::7]:80 does.", CliException.Usage);

    private static RealServer NewServer(string server, int weight, string method, TunnelSettings? tunnel)
    {
        (IPAddress address, int? port) = ServerEndPoint(server);
        return new RealServer { Address = address.ToString(), Port = port, Weight = weight, Method = method, Tunnel = tunnel };
    }

    private static string ServicePath(string id)
    {
        (string protocol, IPEndPoint end) = ServiceEndPoint(id);
        return ApiClient.ServicePath($"{protocol}:{end}");
    }

    private static string ServerPath(string service, string server)
    {
        (string protocol, IPEndPoint end) = ServiceEndPoint(service);
        (IPAddress address, int? port) = ServerEndPoint(server);
        return ApiClient.ServerPath($"{protocol}:{end}", new IPEndPoint(address, port ?? end.Port).ToString());
    }

    private static string ReadFile(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliException(e.Message);
        }
    }

    private static void Events(ApiClient api, ParseResult parsed)
    {
        using StreamReader reader = api.Open("v1/events");
        for (string? line = reader.ReadLine(); line != null; line = reader.ReadLine())
        {
            if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                DirectorEvent e = JsonSerializer.Deserialize(line["data: ".Length..], ApiJson.Default.DirectorEvent)!;
                Console.WriteLine(parsed.GetValue(s_json) ? line["data: ".Length..] : $"{e.Time:HH:mm:ss.fff}  {e.Kind}  {e.Message}");
            }
        }
    }

    private static void ServiceList(string body)
    {
        IReadOnlyList<ServiceView> services = JsonSerializer.Deserialize(body, ApiJson.Default.ServiceList)!.Services;
        Table.Print(Console.Out, ["SERVICE", "SCHEDULER", "SERVERS", "ACTIVE", "INACTIVE", "MAX", "CONNECTIONS", "PACKETS"],
            services.Select(s => (string[])[s.Id, s.Scheduler, N(s.Servers.Count), N(s.Servers.Sum(r => r.ActiveConnections)), N(s.Servers.Sum(r => r.InactiveConnections)), s.ConnectionsMax == 0 ? "-" : N(s.ConnectionsMax), N(s.Traffic.Connections), N(s.Traffic.Packets)]));
    }

    private static void PrintServers(ServiceView service) => Table.Print(Console.Out, ["SERVER", "METHOD", "WEIGHT", "THRESHOLDS", "ACTIVE", "INACTIVE", "CONNECTIONS", "PACKETS", "NEIGHBOUR"],
        service.Servers.Select(s => (string[])[s.Id, s.Method, N(s.Weight), Thresholds(s), N(s.ActiveConnections), N(s.InactiveConnections), N(s.Traffic.Connections), N(s.Traffic.Packets), $"{s.Neighbour} {s.Mac}".TrimEnd()]));

    private static string Thresholds(RealServerView server) => server.UpperThreshold == 0 ? "-"
        : $"{N(server.UpperThreshold)}{(server.LowerThreshold == 0 ? "" : $" {N(server.LowerThreshold)}")}{(server.Overloaded ? " overloaded" : "")}";

    private static void Status(string body)
    {
        StatusView s = JsonSerializer.Deserialize(body, ApiJson.Default.StatusView)!;
        string uptime = s.Dataplane.UptimeS.ToString("0", CultureInfo.InvariantCulture);
        Console.WriteLine($"Forwarder {s.Version}: generation {s.AcceptedGeneration} in force, {s.PublishedGeneration} published; {s.Services} virtual services, {s.Servers} real servers");
        Console.WriteLine($"Dataplane: {s.Dataplane.State}, pid {s.Dataplane.Pid}, up {uptime} s, {s.Dataplane.DpdkVersion}, {(s.Dataplane.Hugepages ? "hugepages" : "no hugepages")}, {s.Dataplane.MbufAvailable} of {s.Dataplane.MbufCount} mbufs free, restarted {s.Dataplane.Restarts} times");
        Console.WriteLine($"Seal: {(s.Dataplane.Sealed ? "closed" : "open")}, {s.Dataplane.AllocatedBytesSinceSeal} bytes allocated, {s.Dataplane.CollectionsSinceSeal} collections");
        if (s.Dataplane.Error != null || s.RejectedReason != null)
        {
            Console.WriteLine($"Error: {s.Dataplane.Error ?? s.RejectedReason}");
        }
    }

    private static void Ports(string body) => Table.Print(Console.Out, ["PORT", "DEVICE", "DRIVER", "MAC", "LINK", "MTU", "RX PACKETS", "TX PACKETS", "MISSED", "EXCEPTION"],
        JsonSerializer.Deserialize(body, ApiJson.Default.IReadOnlyListPortView)!.Select(p => (string[])[p.Name, p.Device, p.Driver, p.Mac, p.LinkUp ? $"up {p.SpeedMbps} Mbit/s" : "down", N(p.MtuBytes), N(p.Statistics.GetValueOrDefault("rxPackets")), N(p.Statistics.GetValueOrDefault("txPackets")), N(p.Statistics.GetValueOrDefault("rxMissed")), p.Exception ?? "-"]));

    private static void Workers(string body) => Table.Print(Console.Out, ["WORKER", "CPU", "RUNNING", "GENERATION", "FLOWS", "CAPACITY", "RX PACKETS", "FORWARDED", "DROPPED"],
        JsonSerializer.Deserialize(body, ApiJson.Default.IReadOnlyListWorkerView)!.Select(w => (string[])[N(w.Index), N(w.Cpu), w.Running ? "yes" : "no", N(w.Generation), N(w.Flows), N(w.FlowCapacity), N(w.Counters.GetValueOrDefault("rxPackets")), N(w.Counters.GetValueOrDefault("forwardedPackets")), N(w.Drops.Values.Aggregate(0UL, (a, b) => a + b))]));

    private static void Neighbours(string body) => Table.Print(Console.Out, ["NEIGHBOUR", "INTERFACE", "STATE", "MAC", "USED BY"],
        JsonSerializer.Deserialize(body, ApiJson.Default.IReadOnlyListNeighbourView)!.Select(n => (string[])[n.Address, n.Interface, n.State, n.Mac ?? "-", N(n.UsedBy.Count)]));

    private static void SourcePools(string body) => Table.Print(Console.Out, ["POOL", "ADDRESS", "PORTS IN USE", "PORTS", "EXHAUSTED"],
        JsonSerializer.Deserialize(body, ApiJson.Default.IReadOnlyListSourcePoolView)!.SelectMany(p => p.Addresses, (p, a) => (string[])[p.Name, a.Address, N(a.PortsInUse), N(a.Ports), N(p.Exhausted)]));

    private static void Stats(string body)
    {
        CountersView c = JsonSerializer.Deserialize(body, ApiJson.Default.CountersView)!;
        Table.Print(Console.Out, ["COUNTER", "VALUE"], c.Workers.Concat(c.SlowPath.Select(p => KeyValuePair.Create("slowPath." + p.Key, p.Value))).Select(p => (string[])[p.Key, N(p.Value)]));
        Console.WriteLine();
        Table.Print(Console.Out, ["DROPPED", "PACKETS"], c.Drops.Select(p => (string[])[p.Key, N(p.Value)]));
    }

    internal static string N<T>(T number)
        where T : IFormattable => number.ToString(null, CultureInfo.InvariantCulture);
}
