using System.Buffers.Binary;
using Forwarder.Abi;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>Makes frames worth changing: requests of a few clients, replies and ICMP errors of the flows that are there, golden cases.</summary>
public sealed class FrameMaker(Random random, SecondDirector director)
{
    private static readonly string[] s_clients4 = ["172.16.0.1", "192.0.2.9"], s_clients6 = ["2001:db8::9", "fd16::c"];
    private static readonly string[] s_targets4 = ["172.16.58.1", "172.16.58.2", "172.16.58.3", "172.16.58.99"], s_targets6 = ["fd16::100", "fd16::2", "fd16::99"];
    private static readonly byte[] s_router6 = Convert.FromHexString("20010db8000000000000000000000abc");
    private static readonly byte[] s_extensions = [0, 43, 44, 60];
    private static readonly byte[] s_flags = [2, 16, 16, 24, 17, 4, 20, 0, 1, 3];
    private static readonly byte[] s_chunks = [0, 1, 1, 1, 2, 3, 6, 7, 8, 9, 10, 11, 14, 192];
    private readonly List<byte[]> _rest = [];
    private readonly List<KeyValuePair<(int Service, string Client), FlowReading>> _flows = [];

    /// <summary>A frame and the port that it comes from.</summary>
    public byte[] Next(int bytesMax)
    {
        byte[] frame = random.Next(_rest.Count > 0 ? 14 : 9) switch
        {
            > 8 => Rest(),
            8 => Message(),
            0 => Corpus.Frames[random.Next(Corpus.Frames.Count)].ToArray(),
            <= 3 => Request(),
            _ => OfAFlow(),
        };
        for (int n = random.Next(3) == 0 ? 0 : random.Next(7); n > 0; n--)
        {
            frame = Mutator.Change(random, frame);
        }

        frame = frame.Length > bytesMax ? frame[..bytesMax] : frame;
        if (random.Next(2) == 0)
        {
            Mutator.SetIcmpChecksum(frame); // or the check of the checksum hides all behind it
        }

        return frame;
    }

    /// <summary>ARP, neighbour discovery and echo, from next hops and others; MAC addresses that end in zeros, so that a cut frame looks whole if zeros follow.</summary>
    private byte[] Message()
    {
        const ulong Mac = 0x0000_0000_0A02, Ones = 0xFFFF_0000_0A02;
        ulong mac = random.Next(2) == 0 ? Mac : Ones;
        string target = s_targets4[random.Next(s_targets4.Length)], target6 = s_targets6[random.Next(s_targets6.Length)];
        string sender = random.Next(2) == 0 ? "172.16.58.7" : "172.16.0.1", sender6 = random.Next(2) == 0 ? "fd16::7" : "fd16::c";
        byte[] frame = random.Next(6) switch
        {
            0 => Messages.Arp(1, sender, target, mac)[..42],
            1 => Messages.Arp(2, sender, target, mac)[..42],
            2 => Messages.Nd(135, sender6, $"ff02::1:ff00:{target6.Split(':')[^1]}", target6, mac, 1),
            3 => Messages.Nd(136, sender6, "ff02::1", sender6, mac, 2, flags: 0x20),
            4 => Messages.Echo4(sender, target, payloadBytes: random.Next(64)),
            _ => Messages.Icmpv6(sender6, target6, mac, [128, 0, 0, 0, 0, 1, 0, 1, .. new byte[random.Next(64)]]),
        };
        frame = random.Next(4) == 0 ? [0, 0, 0x5E, 0, 1, FuzzNetwork.Vrid, .. frame[6..]] : frame;
        return random.Next(4) == 0 ? frame[..^random.Next(1, Math.Min(frame.Length, 8))] : frame;
    }

    /// <summary>Takes note of the flows that there are now.</summary>
    public void Look()
    {
        _flows.Clear();
        _flows.AddRange(director.Flows.Take(64));
    }

    /// <summary>A packet from a client to a service.</summary>
    public byte[] Request()
    {
        FuzzService service = FuzzNetwork.Services[random.Next(FuzzNetwork.Services.Count)];
        string[] clients = service.Vip.Length == 16 ? s_clients6 : s_clients4;
        byte[] l4 = Transport(service.Protocol, random.Next(40_000, 40_016), service.Port);
        return Framed(Packet(System.Net.IPAddress.Parse(clients[random.Next(clients.Length)]).GetAddressBytes(), service.Vip, service.Protocol, l4));
    }

    /// <summary>A packet of a flow, in either direction, or an error about it.</summary>
    private byte[] OfAFlow()
    {
        if (_flows.Count == 0)
        {
            return Request();
        }

        (string client, FlowReading flow) = _flows[random.Next(_flows.Count)] is var f ? (f.Key.Client, f.Value) : default;
        byte[] address = Convert.FromHexString(client.Split(':')[0]), vip = flow.Service.Vip;
        int port = int.Parse(client.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture);
        byte protocol = flow.Service.Protocol;
        byte[] request() => Packet(address, vip, protocol, Zeroed(address, flow.Server.Address, flow.Server.Port - flow.Service.Port, 2, Transport(protocol, port, flow.Service.Port), protocol));
        return random.Next(4) == 0 ? Framed(request()) : Answer(flow.Service, flow.Server, address, port);
    }

    /// <summary>What may come back of a flow: an ICMP error to the server; of NAT a reply, or an ICMP error to the client.</summary>
    public byte[] Answer(FuzzService service, FuzzServer server, byte[] client, int port)
    {
        byte protocol = service.Protocol;
        byte[] answer() => Packet(service.Vip, client, protocol, Transport(protocol, service.Port, port));
        byte[] to = random.Next(8) == 0 ? service.Vip : client; // a server may be the client of a VIP
        byte[] reply() => Packet(server.Address, to, protocol, Zeroed(service.Vip, to, service.Port - server.Port, 0, Transport(protocol, server.Port, port), protocol));
        byte[] translated() => Packet(client, server.Address, protocol, Transport(protocol, port, server.Port));
        byte[] router = client.Length == 4 ? [192, 0, 2, 200] : s_router6;
        return Framed(random.Next(server.Method == ForwardingMethod.Nat ? 4 : 1) switch
        {
            0 => Error(random.Next(3) == 0 ? client : router, service.Vip, answer()),
            1 or 2 => reply(),
            _ => Error(random.Next(3) == 0 ? router : server.Address, client, translated()),
        });
    }

    private byte[] Transport(byte protocol, int from, int to)
    {
        if (protocol == SctpReading.Protocol)
        {
            return Sctp(from, to);
        }

        byte[] l4 = new byte[(protocol == 6 ? 20 : 8) + (random.Next(16) == 0 ? random.Next(1_300, 1_500) : random.Next(24))];
        random.NextBytes(l4.AsSpan(protocol == 6 ? 20 : 8));
        BinaryPrimitives.WriteUInt16BigEndian(l4, (ushort)from);
        BinaryPrimitives.WriteUInt16BigEndian(l4.AsSpan(2), (ushort)to);
        if (protocol == 6)
        {
            (l4[12], l4[13]) = (0x50, s_flags[random.Next(s_flags.Length)]);
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(l4.AsSpan(4), (ushort)l4.Length);
        }

        return l4;
    }

    /// <summary>Chunks of each kind; the checksum is right, but for some.</summary>
    private byte[] Sctp(int from, int to)
    {
        byte type = s_chunks[random.Next(s_chunks.Length)];
        byte[] chunk = [type, 0, 0, (byte)(4 + (4 * random.Next(5))), .. new byte[random.Next(16) == 0 ? random.Next(1_300, 1_500) : random.Next(32)]];
        random.NextBytes(chunk.AsSpan(4));
        byte[] second = random.Next(3) == 0 ? [6, 0, 0, 4] : [];
        byte[] tag = type == 1 && random.Next(4) != 0 ? new byte[4] : [1, 2, 3, (byte)random.Next(256)];
        byte[] sctp = [(byte)(from >> 8), (byte)from, (byte)(to >> 8), (byte)to, .. tag, 0, 0, 0, 0, .. second.Length == 0 ? chunk : [.. chunk[..4], .. new byte[chunk[3] - 4], .. second]];
        BinaryPrimitives.WriteUInt32LittleEndian(sctp.AsSpan(8), random.Next(8) == 0 ? (uint)random.Next() : SctpReading.Crc(sctp));
        return sctp;
    }

    /// <summary>
    /// Now and then a datagram whose checksum is 0 when it has been translated, so that it must become 0xFFFF: the first word
    /// of its payload makes up for what is missing.
    /// </summary>
    private byte[] Zeroed(byte[] from, byte[] to, int portChange, int portAt, byte[] l4, byte protocol)
    {
        if (protocol != 17 || l4.Length < 10 || from.Length != to.Length || random.Next(4) != 0)
        {
            return l4;
        }

        (l4[8], l4[9]) = (0, 0);
        byte[] translated = [.. l4];
        BinaryPrimitives.WriteUInt16BigEndian(translated.AsSpan(portAt), (ushort)(BinaryPrimitives.ReadUInt16BigEndian(l4.AsSpan(portAt)) + portChange));
        byte[] covered = [.. from, .. to, 0, 17, (byte)(l4.Length >> 8), (byte)l4.Length, .. translated];
        BinaryPrimitives.WriteUInt16BigEndian(l4.AsSpan(8), (ushort)(0xFFFF - VrrpRules.Sum(covered)));
        return l4;
    }

    /// <summary>With options or extension headers, now and then.</summary>
    private byte[] Extended(byte[] ip)
    {
        if (random.Next(6) != 0)
        {
            return ip;
        }

        int count = random.Next(1, 6);
        if (ip[0] >> 4 == 4)
        {
            byte[] options = [.. Enumerable.Repeat((byte)1, 4 * count)];
            byte[] longer = [(byte)(ip[0] + count), .. ip[1..20], .. options, .. ip[20..]];
            BinaryPrimitives.WriteUInt16BigEndian(longer.AsSpan(2), (ushort)longer.Length);
            return Ip.Finish4(longer);
        }

        byte next = ip[6];
        byte[] chain = [];
        for (; count > 0; count--)
        {
            byte kind = s_extensions[random.Next(s_extensions.Length)];
            byte[] fragment = [0, random.Next(4) switch { 0 => (byte)random.Next(256), 1 => (byte)(random.Next(4) << 1), _ => 0 }];
            byte[] header = kind == 44 ? [next, (byte)random.Next(256), .. fragment, 1, 2, 3, 4] : [next, 0, 1, 4, 0, 0, 0, 0];
            (chain, next) = ([.. header, .. chain], kind);
        }

        byte[] extended = [.. ip[..6], next, .. ip[7..40], .. chain, .. ip[40..]];
        BinaryPrimitives.WriteUInt16BigEndian(extended.AsSpan(4), (ushort)(extended.Length - 40));
        return extended;
    }

    /// <summary>With checksums set right, but for some.</summary>
    private byte[] Packet(byte[] from, byte[] to, byte protocol, byte[] l4)
    {
        string source = new System.Net.IPAddress(from).ToString(), destination = new System.Net.IPAddress(to).ToString();
        int ttl = random.Next(8) == 0 ? random.Next(4) : 64, dsField = random.Next(4) == 0 ? random.Next(256) : 0;
        byte[] ip = from.Length == 16 ? Ip.V6(source, destination, protocol, l4, dsField, ttl) : Ip.V4(source, destination, protocol, l4, dsField, random.Next(65_536), random.Next(2) == 0, ttl);
        ip = protocol == SctpReading.Protocol ? ip : Ip.Finish(ip);
        if (protocol == 17 && random.Next(8) == 0)
        {
            ip.AsSpan((from.Length == 16 ? 40 : 20) + 6, 2).Clear(); // none
        }
        else if (protocol == 17 && random.Next(8) == 0)
        {
            ip.AsSpan((from.Length == 16 ? 40 : 20) + 6, 2).Fill(0xFF);
        }

        return Extended(ip);
    }

    private byte[] Error(byte[] from, byte[] to, byte[] about)
    {
        bool v6 = from.Length == 16;
        byte[] types = v6 ? [1, 2, 3, 4] : [3, 11, 12];
        byte[] quoted = about[..Math.Min(about.Length, random.Next(3) switch { 0 => v6 ? 48 : 28, 1 => 500, _ => about.Length })];
        byte[] icmp = [types[random.Next(types.Length)], (byte)random.Next(5), 0, 0, 0, 0, 5, 0, .. quoted];
        byte[] ip = Packet(from, to, v6 ? (byte)58 : (byte)1, icmp);
        byte[] frame = Framed(ip);
        Mutator.SetIcmpChecksum(frame);
        return frame[^ip.Length..];
    }

    /// <summary>A fragment that is left of an earlier packet; now and then again.</summary>
    private byte[] Rest()
    {
        int at = random.Next(4) == 0 ? random.Next(_rest.Count) : 0;
        byte[] frame = _rest[at];
        if (random.Next(16) != 0)
        {
            _rest.RemoveAt(at);
        }

        return [.. frame];
    }

    private byte[] Framed(byte[] ip)
    {
        int header = ip[0] >> 4 == 4 ? (ip[0] & 15) * 4 : 40;
        if (random.Next(6) != 0 || ip.Length < header + 16 || (header == 40 && ip[0] >> 4 == 6 ? ip[6] : ip[9]) is not (6 or 17 or 132))
        {
            return Whole(ip);
        }

        byte[][] fragments = [.. Fragments(ip, header, 8 * random.Next(1, 4 + (ip.Length / 16))).Select(Whole)];
        _rest.AddRange(random.Next(4) == 0 ? fragments[1..].OrderBy(_ => random.Next()) : fragments[1..]);
        _rest.RemoveRange(0, Math.Max(_rest.Count - 256, 0));
        return fragments[0];
    }

    /// <summary>The packet in parts; now and then one begins too early, or has come a longer way than the first.</summary>
    private IEnumerable<byte[]> Fragments(byte[] ip, int header, int partBytes)
    {
        int end, first = header + ((random.Next(4) == 0 ? 8 : 24) / 8 * 8), id = random.Next(65_536);
        for (int at = header; at < ip.Length; at = end)
        {
            end = Math.Min(at + (at == header ? first - header : partBytes), ip.Length);
            int from = random.Next(32) == 0 ? Math.Max(at - 8, header) : at, offset = from - header, more = end < ip.Length ? 1 : 0;
            byte[] part;
            if (at > header && random.Next(16) == 0)
            {
                ip[ip[0] >> 4 == 4 ? 8 : 7] = (byte)random.Next(3);
            }

            if (ip[0] >> 4 == 4)
            {
                part = [.. ip[..header], .. ip[from..end]];
                BinaryPrimitives.WriteUInt16BigEndian(part.AsSpan(2), (ushort)part.Length);
                BinaryPrimitives.WriteUInt16BigEndian(part.AsSpan(4), (ushort)id);
                BinaryPrimitives.WriteUInt16BigEndian(part.AsSpan(6), (ushort)((offset / 8) | (more << 13)));
                Ip.Finish4(part);
            }
            else
            {
                byte[] extension = [ip[6], 0, (byte)(offset >> 8), (byte)((offset & 0xF8) | more), 0, 0, (byte)(id >> 8), (byte)id];
                part = [.. ip[..6], 44, .. ip[7..40], .. extension, .. ip[from..end]];
                BinaryPrimitives.WriteUInt16BigEndian(part.AsSpan(4), (ushort)(part.Length - 40));
            }

            yield return part;
        }
    }

    private byte[] Whole(byte[] ip)
    {
        byte[] to = random.Next(8) == 0 ? [0, 0, 0x5E, 0, 1, FuzzNetwork.Vrid] : [2, 0, 0, 0, 0, 1];
        byte[] macs = [.. to, 2, 0, 0, 0, 0, (byte)random.Next(10, 14)];
        byte[] tag = random.Next(4) == 0 ? [0x81, 0, (byte)(random.Next(8) << 5), random.Next(3) == 0 ? (byte)0 : (byte)100] : [];
        return [.. macs, .. tag, .. ip[0] >> 4 == 4 ? (byte[])[8, 0] : [0x86, 0xDD], .. ip];
    }
}
