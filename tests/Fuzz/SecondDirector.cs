using Forwarder.Abi;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>
/// A director of the second reading: flows in a dictionary, packets put together anew. It is told what the worker did with
/// each frame and objects. Which server a new flow gets is the scheduler's choice: it must be one of the service that has
/// a weight and, by Maglev, always the same one for a client.
/// </summary>
public sealed class SecondDirector
{
    private const int LastHopsPerSet = 8;

    private readonly Dictionary<(int Service, string Client), FlowReading> _flows = [];
    private readonly Dictionary<(int Service, string Client), int> _byMaglev = [];
    private readonly Dictionary<(int Service, string Client), int> _sourcePorts = [];
    private readonly Dictionary<string, DatagramReading> _datagrams = [];
    private readonly Queue<int> _tunnelIds = new();
    private readonly ConnectionReading _connections;

    public SecondDirector() => _connections = new ConnectionReading(_flows);

    /// <summary>The clock in ms: a multiple of 256.</summary>
    public uint NowMs { get; set; }

    /// <summary>Whether the director owns the VIPs.</summary>
    public bool Owns { get; set; } = true;

    /// <summary>Whether a next hop's MAC address is known.</summary>
    public Func<uint, bool> Knows { get; set; } = _ => true;

    /// <summary>What the worker's counters must have become.</summary>
    public Tally Tally { get; } = new();

    /// <summary>Flows that are there.</summary>
    public IEnumerable<KeyValuePair<(int Service, string Client), FlowReading>> Flows => _flows.Where(f => f.Value.IsLive(NowMs));

    /// <summary>The flow that the last frame belonged to.</summary>
    public FlowReading? Flow { get; private set; }

    /// <summary>What should have become of a frame, or null if there is no room for doubt: the worker did so.</summary>
    /// <param name="r">The frame as it was read.</param>
    /// <param name="frame">The frame as it came.</param>
    /// <param name="port">The port that it came from.</param>
    /// <param name="found">What the worker did.</param>
    public string? Objection(Reading r, byte[] frame, int port, Fate found)
    {
        Flow = null;
        Fate expected = r.Kind switch
        {
            _ when r.IsToVirtualMac && !Owns => Settled(nameof(DropReason.VipNotOwned), frame),
            FrameKind.Settled => Unknown(r, frame),
            FrameKind.LaterFragment => Later(r, frame, found),
            FrameKind.Request when !Owns => Settled(nameof(DropReason.VipNotOwned), frame),
            FrameKind.Request or FrameKind.Reply when r.Datagram != null && Datagram(r) != null => Settled(nameof(DropReason.FragmentOverlap), frame),
            FrameKind.Request => Request(r, frame, port, found),
            _ => Known(r, frame, found),
        };
        if (r.Datagram != null && r.Kind != FrameKind.LaterFragment && expected.Kind is "forward" or "wait")
        {
            _datagrams[r.Datagram] = new DatagramReading(r, Flow!, NowMs);
            Tally.FragmentedPackets++;
        }

        expected = expected.Kind is "punt" or "wait" or "refuse" ? expected with { Port = port } : expected;
        bool same = (expected.Kind, expected.Reason, expected.Port, expected.Tag) == (found.Kind, found.Reason, found.Port, found.Tag) && expected.Frame.AsSpan().SequenceEqual(found.Frame);
        return same ? null : $"{Text(found)} where {Text(expected)} is right";
    }

    /// <summary>A turn begins.</summary>
    public void Begin() => _connections.Look();

    /// <summary>Forgets flows that have ended. Whether the engine has, too, or maybe not yet.</summary>
    public void Sweep(bool whole)
    {
        foreach ((int, string) ended in _flows.Where(f => !f.Value.IsLive(NowMs)).Select(f => f.Key).ToArray())
        {
            _connections.End(ended);
            _flows.Remove(ended);
        }

        if (whole)
        {
            _connections.Swept();
        }

        foreach (string ended in _datagrams.Where(d => d.Value.DeadlineMs <= NowMs).Select(d => d.Key).ToArray())
        {
            _datagrams.Remove(ended);
        }

        if (_byMaglev.Count > 100_000)
        {
            _byMaglev.Clear();
            _sourcePorts.Clear();
        }
    }

    private static Fate Settled(string fate, byte[] frame) =>
        fate == "punt" ? new Fate("punt", DropReason.None, 0, 0, 0, frame) : new Fate("drop", Enum.Parse<DropReason>(fate), 0, 0, 0, frame);

    /// <summary>No flow is found for it. That a VIP's port has no service is its owner's to say, or two directors would.</summary>
    private Fate Unknown(Reading r, byte[] frame) =>
        r.Fate != nameof(DropReason.NoService) ? Settled(r.Fate, frame) : Owns ? Unserved(DropReason.NoService, isTold: true, frame) : Settled(nameof(DropReason.VipNotOwned), frame);

    private static Fate Unserved(DropReason reason, bool isTold, byte[] frame) => new(isTold ? "refuse" : "drop", reason, 0, 0, 0, frame);

    private Fate Request(Reading r, byte[] frame, int port, Fate found)
    {
        FuzzService service = r.Service!;
        (int, string) key = (service.Slot, r.Client);
        FlowReading? flow = _flows.GetValueOrDefault(key);
        if (flow != null && flow.IsLive(NowMs) && !flow.EndsBy(r.Flags))
        {
            Tally.FlowHits++;
        }
        else
        {
            _flows.Remove(key);
            _connections.Replace(key);
            if (Unserved(service, found) is { } reason)
            {
                return Unserved(reason, service.Rejects, frame);
            }

            FuzzServer? server = service.Servers.FirstOrDefault(s => s.Weight > 0 && s.Slot == found.Server && !_connections.IsFull(s).Surely);
            if (server == null || (service.Scheduler == Scheduler.Maglev && _byMaglev.TryGetValue(key, out int before) && before != server.Slot && !_connections.IsFull(service.Servers.Single(s => s.Slot == before)).Perhaps))
            {
                return new Fate("forward", DropReason.None, 0, 0, 0, []); // to a server of the service, and no other than before unless that is full
            }

            if (!service.Servers.Any(s => _connections.IsFull(s).Perhaps))
            {
                _byMaglev[key] = server.Slot;
            }

            Tally.FlowsCreated++;
            flow = _flows[key] = new FlowReading { Server = server, Service = service, Opener = (port, frame) };
        }

        Flow = flow;
        flow.Go(r.Flags, NowMs);
        return flow.Server.Method switch
        {
            ForwardingMethod.DirectRouting => Direct(r, frame, flow.Server),
            ForwardingMethod.Tunnel => Tunnel(r, frame, flow.Server, found),
            _ => NatRequest(r, frame, port, flow, found),
        };
    }

    /// <summary>Why a new flow gets no server, or null.</summary>
    private DropReason? Unserved(FuzzService service, Fate found)
    {
        FuzzServer[] takers = [.. service.Servers.Where(s => s.Weight > 0)];
        (bool surely, bool perhaps) = _connections.IsFull(service);
        return takers.Length == 0 ? DropReason.NoServer
            : surely || (perhaps && found.Reason == DropReason.ServiceFull) ? DropReason.ServiceFull
            : takers.All(s => _connections.IsFull(s).Surely) || (found.Reason == DropReason.ServersFull && takers.All(s => _connections.IsFull(s).Perhaps)) ? DropReason.ServersFull
            : null;
    }

    private DatagramReading? Datagram(Reading r) => _datagrams.TryGetValue(r.Datagram!, out DatagramReading? datagram) && (int)(datagram.DeadlineMs - NowMs) > 0 ? datagram : null;

    /// <summary>A later fragment goes where the first one went.</summary>
    private Fate Later(Reading r, byte[] frame, Fate found)
    {
        if (Datagram(r) is not { } datagram)
        {
            return Settled(r.Fate, frame);
        }

        (Flow, r.Service, r.Client) = (datagram.Flow, datagram.Flow.Service, datagram.Client);
        string? fault = !Owns ? nameof(DropReason.VipNotOwned) : datagram.Take(r);
        if (fault != null)
        {
            return Settled(fault, frame);
        }

        if (datagram.IsWhole)
        {
            _datagrams.Remove(r.Datagram!);
        }

        FuzzServer server = datagram.Flow.Server;
        Fate fate = server.Method switch
        {
            ForwardingMethod.DirectRouting => Direct(r, frame, server),
            ForwardingMethod.Tunnel => Tunnel(r, frame, server, found),
            _ when datagram.ToClient => NatToClient(r, frame, datagram.LastHop, ExpectedFrame.Moved(r, false, datagram.Flow.Service.Vip)),
            _ => Refused(r, frame, server.MtuBytes) ?? ToServer(r, frame, ExpectedFrame.Moved(r, true, server.Address), r.IsV6 ? 0x86DD : 0x0800, server, r.Bytes),
        };
        Tally.FragmentsFollowed += fate.Kind is "forward" or "wait" ? 1 : 0;
        return fate;
    }

    /// <summary>Replies and errors: they open no flow.</summary>
    private Fate Known(Reading r, byte[] frame, Fate found)
    {
        bool toServer = r.Kind == FrameKind.ErrorToServer;
        FlowReading[] flows = toServer
            ? [.. new[] { _flows.GetValueOrDefault((r.Service!.Slot, r.Client)) }.Where(f => f != null && f.IsLive(NowMs)).Select(f => f!)]
            : [.. r.Behind.Select(b => _flows.GetValueOrDefault((b.Service.Slot, r.Client))).Where((f, i) => f != null && f.IsLive(NowMs) && f.Server == r.Behind[i].Server).Select(f => f!)];
        if (flows.Length == 0)
        {
            return Unknown(r, frame);
        }

        // A client that uses one port for two services of the same server cannot be told apart.
        FlowReading flow = Flow = flows.FirstOrDefault(f => f.Server.Slot == found.Server) ?? flows[0];
        if (!Owns)
        {
            return Settled(nameof(DropReason.VipNotOwned), frame);
        }

        if (r.Kind == FrameKind.Reply)
        {
            flow.GoBack(r.Flags, NowMs);
            Tally.FlowHits++;
            return NatToClient(r, frame, flow.LastHop, ExpectedFrame.Translated(r, false, flow.Service.Vip, flow.Service.Port));
        }

        Tally.FlowErrors++;
        return toServer ? ErrorToServer(r, frame, flow.Server, found) : NatToClient(r, frame, flow.LastHop, ExpectedFrame.Error(r, false, flow.Service.Vip, flow.Service.Port));
    }

    private Fate Direct(Reading r, byte[] frame, FuzzServer server)
    {
        if (r.Ip.Length > server.MtuBytes)
        {
            return new Fate("refuse", DropReason.TooBig, 0, (uint)server.MtuBytes, 0, frame);
        }

        return ToServer(r, frame, r.Ip, r.IsV6 ? 0x86DD : 0x0800, server, r.Ip.Length);
    }

    private Fate Tunnel(Reading r, byte[] frame, FuzzServer server, Fate found)
    {
        if (Refused(r, frame, server.MtuBytes) is { } refused)
        {
            return refused;
        }

        bool over4 = server.Address.Length == 4;
        return ToServer(r, frame, ExpectedFrame.Tunnelled(r, server, over4 ? TunnelId(found) : 0, SourcePort(r, server, found)), over4 ? 0x0800 : 0x86DD, server, r.Bytes);
    }

    /// <summary>GUE's source port: the engine's choice among the dynamic ports (RFC 6335 section 6), and always the same for a flow.</summary>
    private int SourcePort(Reading r, FuzzServer server, Fate found)
    {
        int at = OuterAt(found) + (server.Address.Length == 4 ? 20 : 40);
        if (server.Tunnel.Kind != "gue" || found.Frame.Length < at + 2)
        {
            return 0;
        }

        int port = (found.Frame[at] << 8) | found.Frame[at + 1];
        return _sourcePorts.TryAdd((r.Service!.Slot, r.Client), port) ? Math.Max(port, 49_152) : _sourcePorts[(r.Service.Slot, r.Client)];
    }

    private static int OuterAt(Fate found) => found.Frame.Length > 12 && found.Frame[12] == 0x81 ? 18 : 14;

    /// <summary>Identifications are given one after the other, but later fragments of a burst come after all else: one that is near and new will do.</summary>
    private int TunnelId(Fate found)
    {
        int at = OuterAt(found), last = _tunnelIds.Count == 0 ? 0 : _tunnelIds.Last();
        int id = found.Frame.Length < at + 6 ? -1 : (found.Frame[at + 4] << 8) | found.Frame[at + 5];
        if (Math.Abs((short)(id - last)) > Limits.BurstMax || _tunnelIds.Contains(id))
        {
            return (last + 1) & 0xFFFF;
        }

        _tunnelIds.Enqueue(id);
        if (_tunnelIds.Count > 2 * Limits.BurstMax)
        {
            _tunnelIds.Dequeue();
        }

        return id;
    }

    private Fate NatRequest(Reading r, byte[] frame, int port, FlowReading flow, Fate found)
    {
        (string, int, int) hop = (Convert.ToHexString(frame, 6, 6), port, r.L3 == 18 ? ((frame[14] << 8) | frame[15]) & 0xFFF : 0);
        if (flow.LastHop != hop)
        {
            // A set of last hops may be full; whether it is, the engine's hash says.
            if (found.Reason == DropReason.LastHopsFull && _flows.Values.Select(f => f.LastHop).Distinct().Count() > LastHopsPerSet)
            {
                return Settled(found.Name, Trimmed(r, frame));
            }

            flow.LastHop = hop;
        }

        FuzzServer server = flow.Server;
        return Refused(r, frame, server.MtuBytes) ?? PartOfSctp(r, frame, flow) ?? ToServer(r, frame, ExpectedFrame.Translated(r, true, server.Address, server.Port), r.IsV6 ? 0x86DD : 0x0800, server, r.Bytes);
    }

    private Fate ErrorToServer(Reading r, byte[] frame, FuzzServer server, Fate found)
    {
        if (server.Method != ForwardingMethod.Nat)
        {
            return server.Method == ForwardingMethod.Tunnel ? Tunnel(r, frame, server, found) : Direct(r, frame, server);
        }

        if (Refused(r, frame, server.MtuBytes) is { } refused)
        {
            return refused;
        }

        byte[]? error = ExpectedFrame.Error(r, true, server.Address, server.Port);
        return error == null ? Settled(nameof(DropReason.IcmpBad), Trimmed(r, frame)) : ToServer(r, frame, error, r.IsV6 ? 0x86DD : 0x0800, server, r.Bytes);
    }

    private Fate NatToClient(Reading r, byte[] frame, (string Mac, int Port, int Vlan)? lastHop, byte[]? packet)
    {
        if (lastHop is not { } hop)
        {
            return Settled(nameof(DropReason.LastHopsFull), Trimmed(r, frame));
        }

        if (Refused(r, frame, FuzzNetwork.PortMtuBytes(hop.Port)) is { } refused)
        {
            return refused;
        }

        if (packet == null)
        {
            return Settled(nameof(DropReason.IcmpBad), Trimmed(r, frame));
        }

        if (PartOfSctp(r, frame, Flow!) is { } lost)
        {
            return lost;
        }

        Tally.Replies++;
        Tally.ReplyBytes += r.Bytes;
        Tally.ForwardedBytes += r.Bytes;
        return new Fate("forward", DropReason.None, hop.Port, 0, 0, ExpectedFrame.Framed(frame, packet, r.IsV6 ? 0x86DD : 0x0800, Convert.FromHexString(hop.Mac), Mac(FuzzNetwork.PortMac), hop.Vlan));
    }

    /// <summary>The first fragment of an SCTP packet whose ports change: its checksum is that of all fragments.</summary>
    private static Fate? PartOfSctp(Reading r, byte[] frame, FlowReading flow) =>
        r.Protocol == SctpReading.Protocol && r.Datagram != null && r.Kind is FrameKind.Request or FrameKind.Reply && flow.Server.Port != flow.Service.Port ? Settled(nameof(DropReason.FragmentSctp), Trimmed(r, frame)) : null;

    /// <summary>What a router does not pass on. The IP packet stays as it came; what the Ethernet had padded is off.</summary>
    private static Fate? Refused(Reading r, byte[] frame, int mtuBytes)
    {
        bool expired = r.Ip[r.IsV6 ? 7 : 8] <= 1;
        return !expired && r.Bytes <= mtuBytes ? null
            : new Fate("refuse", expired ? DropReason.TtlExpired : DropReason.TooBig, 0, expired ? 0 : (uint)mtuBytes, 0, Trimmed(r, frame));
    }

    private Fate ToServer(Reading r, byte[] frame, byte[] packet, int etherType, FuzzServer server, int ipBytes)
    {
        bool knows = Knows(server.NextHop);
        Tally.ServerPackets++;
        Tally.ForwardedBytes += knows ? ipBytes : 0;
        byte[] sent = ExpectedFrame.Framed(frame, packet, etherType, knows ? Mac(EngineRig.MacOfNextHop((int)server.NextHop)) : new byte[6], Mac(FuzzNetwork.PortMac), server.Vlan);
        return knows ? new Fate("forward", DropReason.None, server.Egress, 0, 0, sent) : new Fate("wait", DropReason.None, 0, server.NextHop, 0, sent);
    }

    private static byte[] Trimmed(Reading r, byte[] frame) => frame[..(r.L3 + r.Bytes)];

    private static byte[] Mac(ulong mac) => BitConverter.GetBytes(mac)[..6];

    private static string Text(Fate fate) => $"{fate.Kind} {fate.Reason} port {fate.Port} tag {fate.Tag} server {fate.Server} as {Convert.ToHexString(fate.Frame)}";
}
