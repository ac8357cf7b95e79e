using System.Buffers.Binary;
using System.Net;
using Forwarder.TestSupport;

namespace Forwarder.Fuzz.Tests;

/// <summary>The client's address as a TCP option, written a second time: options are lists here.</summary>
internal sealed class ToaRules(IPEndPoint client, IPEndPoint vip, IPEndPoint server, int pathBytes, int pathHeaderBytes)
{
    private readonly byte[] _address = Segment.AddressOption(client);
    private bool _opens, _isTold;
    private uint? _first;

    /// <summary>Segments with options of the client's that are overwritten, and with options that give way.</summary>
    public ulong Forged { get; private set; }

    /// <inheritdoc cref="Forged"/>
    public ulong Cut { get; private set; }

    /// <summary>The director's address and port towards the server.</summary>
    public IPEndPoint Local { get; set; } = new(IPAddress.Any, 0);

    /// <summary>What the server gets of a segment; null if it is too big.</summary>
    public Segment? ToServer(Segment sent)
    {
        bool isReset = (sent.Flags & Segment.Rst) != 0, isSyn = !isReset && (sent.Flags & Segment.Syn) != 0;
        _opens |= isSyn;
        bool carries = isSyn || (_opens && !_isTold && !isReset);
        if (pathHeaderBytes + 20 + sent.Options.Length + (carries ? _address.Length : 0) + sent.Data.Length > pathBytes)
        {
            return null;
        }

        (List<byte[]> options, byte[] rest) = Split(sent.Options);
        Forged += options.Any(o => o[0] == 254) ? 1u : 0;
        options = [.. options.Select(o => o[0] == 254 ? [.. o.Select(_ => (byte)1)] : o)];
        byte[] own = [.. options.SelectMany(o => o), .. rest];
        if (carries)
        {
            Cut += own.Length > 40 - _address.Length ? 1u : 0;
            own = [.. _address, .. own.Length > 40 - _address.Length ? Agreed(options) : own];
        }

        return sent with { From = Local, To = server, Ttl = sent.Ttl - 1, Options = own };
    }

    /// <summary>What the client gets of a segment.</summary>
    public Segment ToClient(Segment sent)
    {
        Segment same = sent with { From = vip, To = client, Ttl = sent.Ttl - 1 };
        if (!_opens || (sent.Flags & Segment.Ack) == 0 || (sent.Flags & Segment.Rst) != 0)
        {
            return same;
        }

        if ((sent.Flags & Segment.Syn) == 0)
        {
            _isTold |= _first != null && (sent.Data.Length > 0 || (sent.Flags & Segment.Fin) != 0 || sent.Acknowledgment - _first.Value is > 0 and < 1u << 31);
            return same;
        }

        (_first, _isTold) = (sent.Acknowledgment, false);
        (List<byte[]> options, byte[] rest) = Split(sent.Options);
        int at = options.FindIndex(o => o[0] == 2);
        if (at >= 0 && options[at].Length == 4)
        {
            int size = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(options[at].AsSpan(2)), pathBytes - pathHeaderBytes - 20);
            size -= size > 2 * _address.Length ? _address.Length : 0;
            options[at] = size > _address.Length ? [2, 4, (byte)(size >> 8), (byte)size] : options[at];
        }

        return same with { Options = [.. options.SelectMany(o => o), .. rest] };
    }

    /// <summary>Options one by one, and what comes behind the last one that is whole.</summary>
    private static (List<byte[]> Options, byte[] Odd) Split(byte[] options)
    {
        List<byte[]> split = [];
        int at = 0;
        while (at < options.Length && options[at] != 0)
        {
            int length = options[at] == 1 ? 1 : at + 1 < options.Length ? options[at + 1] : 0;
            if (length == 0 || (length == 1 && options[at] != 1) || at + length > options.Length)
            {
                break;
            }

            split.Add(options[at..(at += length)]);
        }

        return (split, options[at..]);
    }

    /// <summary>Maximum segment size, window scale, whether there are blocks, timestamps: as many as fit.</summary>
    private byte[] Agreed(List<byte[]> options)
    {
        byte[] kept = [];
        foreach (byte[] option in options)
        {
            kept = option[0] is 2 or 3 or 4 or 8 && kept.Length + option.Length + _address.Length <= 40 ? [.. kept, .. option] : kept;
        }

        return [.. kept, .. new byte[(4 - (kept.Length % 4)) % 4]];
    }
}
