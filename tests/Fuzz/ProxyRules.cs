using System.Buffers.Binary;
using System.Net;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>
/// The PROXY protocol's header in a client's TCP stream, written a second time: places in the stream are counted from the client's first byte on
/// and never wrap; the server counts its header first.
/// </summary>
internal sealed class ProxyRules(IPEndPoint client, IPEndPoint vip, IPEndPoint server, int pathBytes, int pathHeaderBytes)
{
    private readonly byte[] _header = Segment.ProxyHeader(client, vip);
    private uint? _first;
    private bool _opens, _isUnderWay;

    /// <summary>The furthest place that the server has acknowledged, header included; 0 = nothing.</summary>
    public long Acknowledged { get; private set; }

    /// <summary>The director's address and port towards the server.</summary>
    public IPEndPoint Local { get; set; } = new(IPAddress.Any, 0);

    private bool HasHeader => Acknowledged >= _header.Length;

    /// <summary>The number of a place, as the side says it that begins there.</summary>
    public uint Number(long place) => (uint)((_first ?? 0) + place);

    /// <summary>What the server gets of a segment; null if it is too big.</summary>
    public Segment? ToServer(Segment sent)
    {
        Segment same = sent with { From = Local, To = server, Ttl = sent.Ttl - 1 };
        bool isReset = (sent.Flags & Segment.Rst) != 0;
        if ((sent.Flags & Segment.Syn) != 0 && !isReset)
        {
            _opens = true;
            return same with { Data = [] };
        }

        if (_first == null)
        {
            return same;
        }

        long place = PlaceOf(sent.Sequence);
        if (HasHeader || place > 0 || (isReset && place == 0 && _isUnderWay))
        {
            return same with { Sequence = (uint)(sent.Sequence + _header.Length) };
        }

        if (isReset)
        {
            return same;
        }

        byte[] data = place == 0 ? sent.Data : [];
        if (20 + sent.Options.Length + data.Length + _header.Length > pathBytes - pathHeaderBytes)
        {
            return null;
        }

        _isUnderWay = true;
        int urgent = (sent.Flags & Segment.Urg) != 0 ? Math.Min(ushort.MaxValue, sent.Urgent + _header.Length) : sent.Urgent;
        return same with { Sequence = Number(0), Data = [.. _header, .. data], Urgent = (ushort)urgent };
    }

    /// <summary>What the client gets of a segment.</summary>
    public Segment ToClient(Segment sent)
    {
        Segment same = sent with { From = vip, To = client, Ttl = sent.Ttl - 1 };
        bool isSyn = (sent.Flags & (Segment.Syn | Segment.Rst)) == Segment.Syn;
        if ((sent.Flags & Segment.Ack) == 0 || !_opens || (_first == null && !isSyn))
        {
            return same;
        }

        if (isSyn)
        {
            (_first, Acknowledged, _isUnderWay) = (sent.Acknowledgment, 0, false);
            return same with { Options = Each(sent.Options, 2, 2, size => size is { Length: 2 } && Fitting(size) > 2 * _header.Length ? Big(Fitting(size) - _header.Length) : size) };
        }

        byte[] options = Each(sent.Options, 5, 4, edge => [.. BitConverter.GetBytes(BinaryPrimitives.ReverseEndianness((uint)(BinaryPrimitives.ReadUInt32BigEndian(edge) - _header.Length)))]);
        long place = PlaceOf(sent.Acknowledgment), heard = place >= _header.Length ? place - _header.Length : Math.Min(place, 0);
        _isUnderWay &= place != 0 || HasHeader;
        Acknowledged = place >= _header.Length ? Math.Max(place, Acknowledged) : Acknowledged;
        return same with { Options = options, Acknowledgment = Number(heard) };

        int Fitting(byte[] size) => Math.Min(BinaryPrimitives.ReadUInt16BigEndian(size), pathBytes - pathHeaderBytes - 20);
    }

    /// <summary>The place of a number: of all that it can be, the one that is nearest to what has been acknowledged.</summary>
    private long PlaceOf(uint number) => Acknowledged + (int)(number - Number(Acknowledged));

    private static byte[] Big(int value) => [(byte)(value >> 8), (byte)value];

    /// <summary>Options with each value of this many bytes of the first one of a kind changed.</summary>
    private static byte[] Each(byte[] options, byte kind, int bytes, Func<byte[], byte[]> change)
    {
        byte[] changed = [.. options];
        int at = 0;
        while (at < options.Length && options[at] != 0)
        {
            if (options[at] == 1)
            {
                at++;
                continue;
            }

            int length = at + 1 < options.Length ? options[at + 1] : 0;
            if (length < 2 || at + length > options.Length)
            {
                break;
            }

            if (options[at] == kind)
            {
                for (int value = at + 2; value + bytes <= at + length && (kind != 2 || length == 4); value += bytes)
                {
                    change(options[value..(value + bytes)]).CopyTo(changed, value);
                }

                break;
            }

            at += length;
        }

        return changed;
    }
}
