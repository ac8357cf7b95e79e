using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Forwarder.Abi;
using Forwarder.Api;

namespace Forwarder.Control;

/// <summary>Checks a desired state: all of it or nothing. Errors name the field by JSON pointer and say what is allowed.</summary>
public static class ModelBuilder
{
    private const int TimeoutMaxS = (int)(FlowTimeouts.MaxMs / 1_000), DeviceCharsMax = Limits.NameBytesMax * 4, CpuMax = 1_023, MemoryMiBMax = 1 << 20, MbufsMax = 1 << 26;

    /// <summary>Names that stand for network interfaces, and so have the kernel's limit (IFNAMSIZ less its end).</summary>
    private const int NameCharsMax = 15;

    /// <summary>What each link passes on (RFC 8200 section 5).</summary>
    internal const int Ipv6MtuMin = 1_280;

    private const int MtuBytesMin = 576, MtuBytesMax = 9_600, DescriptorsMin = 64, DescriptorsMax = 32_768;

    // Own addresses and VIPs share a table, and each virtual service may have a VIP of its own.
    private const int OwnAddressesMax = Limits.LocalAddressesMax - Limits.ServicesMax - VrrpModelBuilder.VipsMax;

    /// <summary>Validates the whole state.</summary>
    /// <exception cref="ApiException">422 with the field at fault.</exception>
    /// <param name="state">The state.</param>
    /// <param name="known">Services that were found good before; those found good now are added.</param>
    public static DirectorModel Build(DesiredState state, CheckedServices known)
    {
        known.Begin(state);
        CheckDataplane(state.Dataplane);
        List<InterfaceModel> interfaces = Interfaces(state);
        CheckTimeouts(state.Timeouts, "/timeouts");
        Demand(state.Services.Count < Limits.ServicesMax, "/services", $"{state.Services.Count} virtual services; at most {Limits.ServicesMax - 1} are allowed.");
        List<ServiceModel> services = new(state.Services.Count);
        int servers = 0;
        for (int i = 0; i < state.Services.Count; i++)
        {
            if (!known.Known.TryGetValue(NotNull(state.Services[i], $"/services/{i}"), out ServiceModel? service))
            {
                service = Service(state.Services[i], interfaces, $"/services/{i}");
                known.Known.Add(state.Services[i], service);
            }

            if (!known.Seen.TryAdd(service.Key, i))
            {
                throw ApiException.Invalid($"/services/{i}", $"Virtual service {service.Key} is given twice; it is also /services/{known.Seen[service.Key]}.");
            }

            services.Add(service);
            servers += service.Servers.Count;
        }

        Demand(servers < Limits.ServersMax, "/services", $"{servers} real servers; at most {Limits.ServersMax - 1} are allowed.");
        CheckNat(services);
        IReadOnlyList<VrrpTrackModel> tracks = VrrpTrackBuilder.Tracks(state, interfaces);
        DirectorModel model = new(interfaces, state.Timeouts, services, VrrpModelBuilder.Groups(state, interfaces, tracks))
        {
            VrrpTracks = tracks,
            SourcePools = SourcePoolBuilder.Pools(state, interfaces, services), SourceAddressesMax = state.Dataplane.SourceAddresses, Flows = state.Flows,
        };
        SourcePoolBuilder.Check(model);
        model = model with { SnatRules = SnatRuleBuilder.Rules(state, model) };
        ClientAddresses.Check(model);
        int paths = model.SnatRules.Sum(r => r.Paths.Count);
        Demand(services.Count + paths < Limits.ServicesMax && servers + paths < Limits.ServersMax, "/snatRules", $"Rules of SNAT take places of virtual services and real servers, one for each family; with {services.Count} and {servers} of these there is no room for {paths}.");
        Demand(TimeoutSets(model) <= Limits.FlowTimeoutsMax, "/services", $"More than {Limits.FlowTimeoutsMax} different sets of time-outs; give more services (and rules of SNAT) the same ones.");
        return model;
    }

    /// <summary>A reply of a server behind NAT is looked for in each service that the server has.</summary>
    private static void CheckNat(List<ServiceModel> services)
    {
        Dictionary<(byte, IPAddress, int), int> servicesOf = [];
        for (int i = 0; i < services.Count; i++)
        {
            for (int n = 0; n < services[i].Servers.Count; n++)
            {
                ServerModel server = services[i].Servers[n];
                if (server.Method != ForwardingMethod.Nat)
                {
                    continue;
                }

                string at = $"/services/{i}/servers/{n}";
                int count = servicesOf[(services[i].Key.Protocol, server.Address, server.Port)] = servicesOf.GetValueOrDefault((services[i].Key.Protocol, server.Address, server.Port)) + 1;
                Demand(count <= Limits.NatServicesPerServerMax, at, $"Real server {server.Id} is behind NAT in more than {Limits.NatServicesPerServerMax} services; give it another port for each.");
            }
        }
    }

    /// <summary>Validates one service against the interfaces.</summary>
    public static ServiceModel Service(VirtualService service, IReadOnlyList<InterfaceModel> interfaces, string at)
    {
        byte protocol = Protocols.Parse(service.Protocol);
        Demand(protocol != 0, $"{at}/protocol", $"\"{service.Protocol}\" is not a protocol; allowed are {Protocols.Allowed}.");
        IPAddress vip = Address(service.Address, $"{at}/address", "VIP");
        Demand(service.Port is > 0 and <= ushort.MaxValue, $"{at}/port", $"Port {service.Port} is out of range; allowed are 1 to 65535.");
        Demand(!interfaces.Any(i => i.Addresses.Any(a => a.Address.Equals(vip))), $"{at}/address", $"{vip} is an own address of the director; a VIP must be another one.");
        int size = service.MaglevTableSize ?? Limits.MaglevTableSizeDefault;
        Demand(size is >= Limits.MaglevTableSizeMin and <= Limits.MaglevTableSizeMax && MaglevTable.IsPrime(size), $"{at}/maglevTableSize", $"{size} is not allowed: it must be a prime from {Limits.MaglevTableSizeMin} to {Limits.MaglevTableSizeMax}, for example 65537.");
        Demand(service.Servers.Count <= Limits.ServersPerServiceMax && service.Servers.Count < size, $"{at}/servers", $"{service.Servers.Count} real servers; a service has at most {Limits.ServersPerServiceMax}, and fewer than its Maglev table has entries ({size}).");
        Range(service.ConnectionsMax ?? 0, 0, Limits.ConnectionsMax, $"{at}/connectionsMax", "Maximum of connections");
        CheckTimeouts((service.Timeouts ?? new ServiceTimeouts()).Over(new TimeoutSettings()), $"{at}/timeouts");
        HashSet<(IPAddress, int)> seen = [];
        List<ServerModel> servers = new(service.Servers.Count);
        for (int i = 0; i < service.Servers.Count; i++)
        {
            ServerModel server = Server(NotNull(service.Servers[i], $"{at}/servers/{i}"), vip, service.Port, interfaces, $"{at}/servers/{i}");
            Demand(seen.Add((server.Address, server.Port)), $"{at}/servers/{i}/address", $"Real server {server.Id} is given twice.");
            bool isOfThem = server.Method != ForwardingMethod.FullNat || !servers.Exists(s => s.Method == ForwardingMethod.FullNat && s.IsNat64 != server.IsNat64);
            Demand(isOfThem, $"{at}/servers/{i}/address", $"{server.Address} is of another family than the FullNAT servers before it; those of a service share its source addresses, and so a family.");
            servers.Add(server);
        }

        ClientAddressMode clientAddress = ClientAddresses.Of(service.ClientAddress, protocol, vip, servers, interfaces, at);
        return new ServiceModel(new ServiceKey(protocol, vip, service.Port), SchedulerOf(service.Scheduler, $"{at}/scheduler"), size, servers, service.SourcePool) { ConnectionsMax = service.ConnectionsMax ?? 0, ClientAddress = clientAddress, Flows = service.Flows, Timeouts = service.Timeouts };
    }

    /// <summary>Scheduler by its name in the API.</summary>
    public static Scheduler SchedulerOf(string name, string at) => name switch
    {
        "wlc" => Scheduler.Wlc,
        "mh" or "maglev" => Scheduler.Maglev,
        _ => throw ApiException.Invalid(at, $"Scheduler \"{name}\" is not available in this release; allowed are wlc and mh (Maglev)."),
    };

    private static ServerModel Server(RealServer server, IPAddress vip, int servicePort, IReadOnlyList<InterfaceModel> interfaces, string at)
    {
        IPAddress rip = Address(server.Address, $"{at}/address", "Real server's address");
        ForwardingMethod method = MethodOf(server.Method, $"{at}/method");
        bool isNat64 = method == ForwardingMethod.FullNat && vip.AddressFamily == AddressFamily.InterNetworkV6 && rip.AddressFamily == AddressFamily.InterNetwork;
        Demand(rip.AddressFamily == vip.AddressFamily || method == ForwardingMethod.Tunnel || isNat64, $"{at}/address", $"{rip} and the VIP {vip} are of different families; only the method tunnel allows that, and fullnat from an IPv6 VIP to an IPv4 server.");
        Demand(!rip.Equals(vip), $"{at}/address", $"{rip} is the VIP itself.");
        Demand(server.Weight is >= 0 and <= Limits.WeightMax, $"{at}/weight", $"Weight {server.Weight} is out of range; allowed are 0 to {Limits.WeightMax}.");
        int port = server.Port is null or 0 ? servicePort : server.Port.Value;
        Demand(port is > 0 and <= ushort.MaxValue, $"{at}/port", $"Port {port} is out of range; allowed are 1 to 65535, or 0 for that of the service.");
        Demand(port == servicePort || method is ForwardingMethod.Nat or ForwardingMethod.FullNat, $"{at}/port", $"Port {port} differs from the service's {servicePort}; only the methods nat and fullnat translate ports.");
        (int upper, int lower) = Thresholds(server, at);
        return Reached(new ServerModel(rip, port, server.Weight, 0, method, rip) { UpperThreshold = upper, LowerThreshold = lower, Tunnel = TunnelModel.Of(server.Tunnel, method, $"{at}/tunnel"), IsNat64 = isNat64 }, vip, interfaces, at);
    }

    private static (int Upper, int Lower) Thresholds(RealServer server, string at)
    {
        (int upper, int lower) = (server.UpperThreshold ?? 0, server.LowerThreshold ?? 0);
        Range(upper, 0, Limits.ConnectionsMax, $"{at}/upperThreshold", "Upper threshold");
        Range(lower, 0, Limits.ConnectionsMax, $"{at}/lowerThreshold", "Lower threshold");
        Demand(lower <= upper, $"{at}/lowerThreshold", $"Lower threshold {lower} is above the upper one, {upper}; allowed are 0 to {upper}.");
        return (upper, lower);
    }

    /// <summary>The server with the interface that reaches it.</summary>
    private static ServerModel Reached(ServerModel server, IPAddress vip, IReadOnlyList<InterfaceModel> interfaces, string at)
    {
        IPAddress rip = server.Address;
        for (int i = 0; i < interfaces.Count; i++)
        {
            Demand(!interfaces[i].Addresses.Any(a => a.Address.Equals(rip)), $"{at}/address", $"{rip} is an own address of the director.");
            IPAddress? source = interfaces[i].Addresses.Where(a => a.Network.Contains(rip)).Select(a => a.Address).FirstOrDefault();
            if (source != null)
            {
                CheckMtu(server, vip, interfaces[i], at);
                return server with { Interface = i, Source = source };
            }
        }

        string networks = string.Join(", ", interfaces.SelectMany(i => i.Addresses).Select(a => a.Network));
        throw ApiException.Invalid($"{at}/address", $"{rip} is in no connected network; a real server must be on one of: {(networks.Length == 0 ? "(no interface has an address)" : networks)}.");
    }

    /// <summary>IPv6 must pass packets of 1,280 bytes on every link (RFC 8200 section 5), a tunnel being one.</summary>
    private static void CheckMtu(ServerModel server, IPAddress vip, InterfaceModel egress, string at)
    {
        int overhead = server.OuterBytes;
        Demand(overhead == 0 || vip.AddressFamily == AddressFamily.InterNetwork || egress.MtuBytes >= Ipv6MtuMin + overhead, $"{at}/method", $"{(server.IsNat64 ? "NAT64" : "A tunnel for IPv6")} to {server.Address} needs an MTU of at least {Ipv6MtuMin + overhead} bytes; interface {egress.Name} has {egress.MtuBytes}.");
    }

    /// <summary>Forwarding method by its name in the API.</summary>
    private static ForwardingMethod MethodOf(string name, string at) => name switch
    {
        "dr" => ForwardingMethod.DirectRouting,
        "tunnel" => ForwardingMethod.Tunnel,
        "nat" => ForwardingMethod.Nat,
        "fullnat" => ForwardingMethod.FullNat,
        _ => throw ApiException.Invalid(at, $"Forwarding method \"{name}\" is not available in this release; allowed are dr (direct routing, ipvsadm -g), tunnel (ipvsadm -i), nat (masquerading, ipvsadm -m) and fullnat (source address from a pool, -b)."),
    };

    private static List<InterfaceModel> Interfaces(DesiredState state)
    {
        int own = state.Interfaces.Sum(i => i?.Addresses.Count ?? 0);
        Demand(own <= OwnAddressesMax, "/interfaces", $"{own} addresses of interfaces; at most {OwnAddressesMax} are allowed.");
        Demand(state.Interfaces.Count <= Limits.InterfacesMax, "/interfaces", $"{state.Interfaces.Count} interfaces; at most {Limits.InterfacesMax} are allowed.");
        List<InterfaceModel> interfaces = [];
        for (int i = 0; i < state.Interfaces.Count; i++)
        {
            InterfaceModel model = Interface(state, i);
            Demand(!interfaces.Any(o => o.Name == model.Name), $"/interfaces/{i}/name", $"Interface \"{model.Name}\" is given twice.");
            Demand(!interfaces.Any(o => o.Port == model.Port && o.Vlan == model.Vlan), $"/interfaces/{i}/vlan", $"Interface \"{model.Name}\" has the port and VLAN of another one.");
            for (int a = 0; a < model.Addresses.Count; a++)
            {
                IPAddress address = model.Addresses[a].Address;
                Demand(!interfaces.Any(o => o.Addresses.Any(other => other.Address.Equals(address))), $"/interfaces/{i}/addresses/{a}", $"{address} is on another interface, too.");
            }

            interfaces.Add(model);
        }

        return interfaces;
    }

    private static InterfaceModel Interface(DesiredState state, int i)
    {
        InterfaceSettings settings = NotNull(state.Interfaces[i], $"/interfaces/{i}");
        IReadOnlyList<PortSettings> ports = state.Dataplane.Ports;
        CheckName(settings.Name, $"/interfaces/{i}/name");
        int port = ports.ToList().FindIndex(p => p.Name == settings.Port);
        Demand(port >= 0, $"/interfaces/{i}/port", $"There is no port \"{settings.Port}\"; ports are: {string.Join(", ", ports.Select(p => p.Name))}.");
        Demand(settings.Vlan is null or (>= 1 and <= 4094), $"/interfaces/{i}/vlan", $"VLAN {settings.Vlan} is out of range; allowed are 1 to 4094, or none.");
        List<(IPAddress, IPNetwork)> addresses = [];
        for (int a = 0; a < settings.Addresses.Count; a++)
        {
            string at = $"/interfaces/{i}/addresses/{a}";
            string[] parts = NotNull(settings.Addresses[a], at).Split('/');
            IPAddress address = Address(parts[0], at, "Address");
            int bits = address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;
            Demand(parts.Length == 2 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int prefix) && prefix <= bits && prefix > 0, at, $"\"{settings.Addresses[a]}\" needs a prefix length, for example {parts[0]}/{bits * 3 / 4}.");
            Demand(addresses.TrueForAll(o => !o.Item1.Equals(address)), at, $"{address} is given twice.");
            addresses.Add((address, Network(address, int.Parse(parts[1], CultureInfo.InvariantCulture))));
        }

        return new InterfaceModel(settings.Name, port, (ushort)(settings.Vlan ?? 0), ports[port].MtuBytes, addresses);
    }

    internal static IPNetwork Network(IPAddress address, int prefix)
    {
        byte[] bytes = address.GetAddressBytes();
        for (int bit = prefix; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        }

        return new IPNetwork(new IPAddress(bytes), prefix);
    }

    private static void CheckDataplane(DataplaneSettings dataplane)
    {
        Demand(dataplane.Ports.Count is > 0 and <= Limits.PortsMax, "/dataplane/ports", $"{dataplane.Ports.Count} ports; 1 to {Limits.PortsMax} are allowed.");
        for (int i = 0; i < dataplane.Ports.Count; i++)
        {
            CheckPort(dataplane.Ports, i, $"/dataplane/ports/{i}");
        }

        Demand(dataplane.WorkerCpus.Count <= Limits.WorkersMax, "/dataplane/workerCpus", $"{dataplane.WorkerCpus.Count} workers; at most {Limits.WorkersMax} are allowed.");
        for (int i = 0; i < dataplane.WorkerCpus.Count; i++)
        {
            Range(dataplane.WorkerCpus[i], 0, CpuMax, $"/dataplane/workerCpus/{i}", "CPU");
        }

        Range(dataplane.HousekeepingCpu ?? 0, 0, CpuMax, "/dataplane/housekeepingCpu", "CPU");
        Range(dataplane.MemoryMiB ?? 1, 1, MemoryMiBMax, "/dataplane/memoryMiB", "Memory");
        Range(dataplane.Mbufs ?? 1, 1, MbufsMax, "/dataplane/mbufs", "Number of mbufs");
        Range(dataplane.FlowsPerWorker, Limits.FlowsPerWorkerMin, Limits.FlowsPerWorkerMax, "/dataplane/flowsPerWorker", "Number of flows");
        Range(dataplane.SourceAddresses, 0, Limits.SourcesMax - 1, "/dataplane/sourceAddresses", "Number of source addresses");
        Demand(dataplane.Hugepages is "auto" or "required" or "never", "/dataplane/hugepages", $"\"{dataplane.Hugepages}\" is not known; allowed are auto, required and never.");
        Demand(dataplane.Idle is "auto" or "spin" or "backoff", "/dataplane/idle", $"\"{dataplane.Idle}\" is not known; allowed are auto, spin and backoff.");
        Range(dataplane.SnapshotSlotBytes ?? Limits.SnapshotSlotBytesDefault, Limits.SnapshotSlotBytesMin, Limits.SnapshotSlotBytesMax, "/dataplane/snapshotSlotBytes", "Size of a snapshot slot");
        for (int i = 0; i < dataplane.EalArguments.Count; i++)
        {
            Demand(dataplane.EalArguments[i] is { Length: > 0 } argument && !argument.Any(char.IsControl), $"/dataplane/ealArguments/{i}", "An argument is needed, without control characters.");
        }
    }

    private static void CheckPort(IReadOnlyList<PortSettings> ports, int i, string at)
    {
        PortSettings port = NotNull(ports[i], at);
        CheckName(port.Name, $"{at}/name");
        // EAL's own separators are ',' and '='; white space would end the argument in its log only, so a slip is told here.
        Demand(port.Device.Length is > 0 and < DeviceCharsMax && !port.Device.Any(c => char.IsWhiteSpace(c) || char.IsControl(c)) && port.Device[0] is not (',' or '-'), $"{at}/device", $"\"{port.Device}\" is not a device; needed is a PCI address (0000:01:00.0) or a DPDK virtual device (net_af_packet0,iface=eth1), without spaces.");
        Range(port.MtuBytes, MtuBytesMin, MtuBytesMax, $"{at}/mtuBytes", "MTU");
        Range(port.RxDescriptors, DescriptorsMin, DescriptorsMax, $"{at}/rxDescriptors", "Number of descriptors");
        Range(port.TxDescriptors, DescriptorsMin, DescriptorsMax, $"{at}/txDescriptors", "Number of descriptors");
        Demand(port.Exception == null || IsName(port.Exception, NameCharsMax), $"{at}/exception", $"\"{port.Exception}\" is not the name of a network interface; allowed are 1 to {NameCharsMax} letters, digits, '.', '-' and '_'.");
        for (int other = 0; other < i; other++)
        {
            Demand(ports[other].Name != port.Name, $"{at}/name", $"Port \"{port.Name}\" is given twice; it is also /dataplane/ports/{other}.");
            Demand(DeviceName(ports[other]) != DeviceName(port), $"{at}/device", $"Device {DeviceName(port)} is also that of /dataplane/ports/{other}.");
            Demand(port.Exception == null || ports[other].Exception != port.Exception, $"{at}/exception", $"\"{port.Exception}\" is also the exception port of /dataplane/ports/{other}.");
        }
    }

    private static string DeviceName(PortSettings port) => port.Device.Split(',')[0];

    /// <summary>Time-outs, found good before, as the dataplane has them.</summary>
    internal static FlowTimeouts Timeouts(TimeoutSettings t) => new()
    {
        TcpSynReceivedMs = (uint)t.TcpSynReceivedS * 1_000,
        TcpEstablishedMs = (uint)t.TcpEstablishedS * 1_000,
        TcpFinWaitMs = (uint)t.TcpFinWaitS * 1_000,
        TcpCloseWaitMs = (uint)t.TcpCloseWaitS * 1_000,
        TcpTimeWaitMs = (uint)t.TcpTimeWaitS * 1_000,
        TcpCloseMs = (uint)t.TcpCloseS * 1_000,
        UdpMs = (uint)t.UdpS * 1_000,
        SctpInit1Ms = (uint)t.SctpInit1S * 1_000,
        SctpInitMs = (uint)t.SctpInitS * 1_000,
        SctpCookieSentMs = (uint)t.SctpCookieSentS * 1_000,
        SctpCookieRepliedMs = (uint)t.SctpCookieRepliedS * 1_000,
        SctpCookieWaitMs = (uint)t.SctpCookieWaitS * 1_000,
        SctpCookieMs = (uint)t.SctpCookieS * 1_000,
        SctpCookieEchoedMs = (uint)t.SctpCookieEchoedS * 1_000,
        SctpEstablishedMs = (uint)t.SctpEstablishedS * 1_000,
        SctpShutdownSentMs = (uint)t.SctpShutdownSentS * 1_000,
        SctpShutdownReceivedMs = (uint)t.SctpShutdownReceivedS * 1_000,
        SctpShutdownAckSentMs = (uint)t.SctpShutdownAckSentS * 1_000,
        SctpRejectedMs = (uint)t.SctpRejectedS * 1_000,
        SctpClosedMs = (uint)t.SctpClosedS * 1_000,
    };

    /// <summary>Sets that the snapshot needs: the director's and those of services that have others.</summary>
    private static int TimeoutSets(DirectorModel model)
    {
        HashSet<FlowTimeouts> sets = [Timeouts(model.Timeouts)];
        sets.UnionWith(model.Services.Where(s => s.Timeouts != null).Select(model.TimeoutsOf));
        sets.UnionWith(model.SnatRules.Where(r => r.Timeouts != null).Select(model.TimeoutsOf));
        return sets.Count;
    }

    internal static void CheckTimeouts(TimeoutSettings t, string at) => CheckTimeouts(
        at, (t.TcpSynReceivedS, "tcpSynReceivedS"), (t.TcpEstablishedS, "tcpEstablishedS"), (t.TcpFinWaitS, "tcpFinWaitS"), (t.TcpCloseWaitS, "tcpCloseWaitS"), (t.TcpTimeWaitS, "tcpTimeWaitS"), (t.TcpCloseS, "tcpCloseS"), (t.UdpS, "udpS"),
        (t.SctpInit1S, "sctpInit1S"), (t.SctpInitS, "sctpInitS"), (t.SctpCookieSentS, "sctpCookieSentS"), (t.SctpCookieRepliedS, "sctpCookieRepliedS"), (t.SctpCookieWaitS, "sctpCookieWaitS"), (t.SctpCookieS, "sctpCookieS"), (t.SctpCookieEchoedS, "sctpCookieEchoedS"),
        (t.SctpEstablishedS, "sctpEstablishedS"), (t.SctpShutdownSentS, "sctpShutdownSentS"), (t.SctpShutdownReceivedS, "sctpShutdownReceivedS"), (t.SctpShutdownAckSentS, "sctpShutdownAckSentS"), (t.SctpRejectedS, "sctpRejectedS"), (t.SctpClosedS, "sctpClosedS"));

    private static void CheckTimeouts(string at, params ReadOnlySpan<(int Seconds, string Name)> timeouts)
    {
        foreach ((int seconds, string name) in timeouts)
        {
            Demand(seconds is >= 1 and <= TimeoutMaxS, $"{at}/{name}", $"{seconds} is out of range; allowed are 1 to {TimeoutMaxS} seconds.");
        }
    }

    internal static void CheckName(string name, string at, int charsMax = NameCharsMax) => Demand(IsName(name, charsMax), at, $"\"{name}\" is not a name; allowed are 1 to {charsMax} letters, digits, '.', '-' and '_'.");

    private static bool IsName(string name, int charsMax) => name.Length > 0 && name.Length <= charsMax && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');

    internal static IPAddress Address(string text, string at, string what)
    {
        Demand(AddressText.TryParse(text, out IPAddress? address), at, $"{what} \"{text}\" is not an IPv4 or IPv6 address.");
        Demand(!address!.IsIPv4MappedToIPv6, at, $"{what} {text} is an IPv4 address in IPv6's form; write {address.MapToIPv4()}.");
        byte first = address.GetAddressBytes()[0];
        bool v4 = address.AddressFamily == AddressFamily.InterNetwork;
        bool unicast = v4 ? first is > 0 and < 224 : !address.Equals(IPAddress.IPv6Any) && !address.IsIPv6Multicast;
        Demand(unicast && !IPAddress.IsLoopback(address), at, $"{what} {text} is not a unicast address of a network.");
        return address;
    }

    internal static void Range(long value, long min, long max, string pointer, string what) => Demand(value >= min && value <= max, pointer, $"{what} {value} is out of range; allowed are {min} to {max}.");

    // The serializer refuses null for a member, not for an entry of a list.
    private static T NotNull<T>(T? value, string at)
        where T : class => value ?? throw ApiException.Invalid(at, "The entry is null; an object or text is needed.");

    internal static void Demand(bool condition, string pointer, string detail)
    {
        if (!condition)
        {
            throw ApiException.Invalid(pointer, detail);
        }
    }
}
