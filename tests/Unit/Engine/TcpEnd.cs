using System.Buffers.Binary;
using System.Net;
using Forwarder.TestSupport;

namespace Forwarder.Unit.Tests.Engine;

/// <summary>One end of a TCP connection, as little of RFC 9293 as an exchange needs: it repeats what is not acknowledged, keeps what comes early and reports it (RFC 2018). It fails when it hears of bytes that it has not sent.</summary>
/// <param name="random">Sizes of segments.</param>
/// <param name="initial">Initial sequence number.</param>
/// <param name="toSend">What it sends.</param>
/// <param name="afterBytes">It listens, and sends when it has read so many bytes; null: it is the client.</param>
internal sealed class TcpEnd(Random random, uint initial, byte[] toSend, int? afterBytes)
{
    private const int SegmentBytesMax = 1_000;
    private static readonly IPEndPoint s_nowhere = new(IPAddress.Any, 0);
    private readonly Dictionary<uint, byte> _early = [];
    private bool _isOpen, _isHalfOpen;
    private uint _peer;         // next number expected of the other
    private int _acknowledged;  // bytes of toSend
    private int _sent;

    /// <summary>What has arrived in order.</summary>
    public List<byte> Read { get; } = [];

    /// <summary>Next number that it would send.</summary>
    public uint Next => initial + 1 + (uint)_sent;

    public bool IsDone(int bytes) => _isOpen && _acknowledged == toSend.Length && Read.Count >= bytes;

    /// <summary>What it sends when nothing comes.</summary>
    public IEnumerable<Segment> Timeout(bool isClient)
    {
        if (!_isOpen)
        {
            return isClient ? [Of(initial, Segment.Syn, [])] : _isHalfOpen ? [Of(initial, Segment.Syn | Segment.Ack, [])] : [];
        }

        if (_acknowledged < toSend.Length && MaySend)
        {
            return Data(_acknowledged, random.Next(1, 4));
        }

        return random.Next(4) == 0 ? [Of(initial + (uint)_acknowledged, Segment.Ack, [])] : []; // a keep-alive: the number before the next
    }

    /// <summary>What it answers to a segment.</summary>
    public IEnumerable<Segment> Take(Segment segment)
    {
        if ((segment.Flags & Segment.Syn) != 0)
        {
            return TakeSyn(segment);
        }

        if (!_isOpen && !(_isHalfOpen && segment.Acknowledgment == initial + 1))
        {
            return [];
        }

        bool wasOpen = _isOpen;
        _isOpen = true;
        TakeAcknowledgment(segment);
        int before = Read.Count;
        uint expected = _peer;
        for (int i = 0; i < segment.Data.Length; i++)
        {
            uint number = segment.Sequence + (uint)i;
            if ((int)(number - _peer) >= 0)
            {
                Assert.True(_early.TryAdd(number, segment.Data[i]) || _early[number] == segment.Data[i], "a byte is another one than before");
            }
        }

        while (_early.Remove(_peer, out byte next))
        {
            Read.Add(next);
            _peer++;
        }

        bool speaks = MaySend && _sent < toSend.Length && (!wasOpen || Read.Count != before);
        IEnumerable<Segment> answer = segment.Data.Length != 0 || segment.Sequence != expected ? [Of(Next, Segment.Ack, [])] : [];
        return speaks ? [.. answer, .. Data(_sent, random.Next(1, 4))] : answer;
    }

    private bool MaySend => afterBytes is not { } bytes || Read.Count >= bytes;

    private IEnumerable<Segment> TakeSyn(Segment segment)
    {
        if (afterBytes != null && !_isOpen)
        {
            (_isHalfOpen, _peer) = (true, segment.Sequence + 1);
            return [Of(initial, Segment.Syn | Segment.Ack, [])];
        }

        if (afterBytes == null && segment.Acknowledgment == initial + 1 && !_isOpen)
        {
            (_isOpen, _peer) = (true, segment.Sequence + 1);
            return [Of(Next, Segment.Ack, []), .. Data(0, random.Next(0, 3))];
        }

        return _isOpen ? [Of(Next, Segment.Ack, [])] : [];
    }

    private void TakeAcknowledgment(Segment segment)
    {
        int acknowledged = (int)(segment.Acknowledgment - (initial + 1));
        Assert.InRange(acknowledged, 0, _sent);
        _acknowledged = Math.Max(_acknowledged, acknowledged);
        for (int at = 0; segment.Options.Length > 4 && at + 8 <= segment.Options[3] - 2; at += 8)
        {
            int from = (int)(BinaryPrimitives.ReadUInt32BigEndian(segment.Options.AsSpan(4 + at)) - (initial + 1)), to = (int)(BinaryPrimitives.ReadUInt32BigEndian(segment.Options.AsSpan(8 + at)) - (initial + 1));
            Assert.InRange(from, 1, _sent - 1);
            Assert.InRange(to, from + 1, _sent);
        }
    }

    private List<Segment> Data(int from, int segments)
    {
        List<Segment> made = [];
        while (from < toSend.Length && segments-- > 0)
        {
            int bytes = Math.Min(toSend.Length - from, random.Next(1, SegmentBytesMax));
            made.Add(Of(initial + 1 + (uint)from, Segment.Ack, toSend[from..(from + bytes)]));
            from += bytes;
            _sent = Math.Max(_sent, from);
        }

        return made;
    }

    private Segment Of(uint sequence, int flags, byte[] data) =>
        new(s_nowhere, s_nowhere) { Sequence = sequence, Acknowledgment = _peer, Flags = (byte)flags, Data = data, Options = (flags & Segment.Syn) != 0 ? [] : Sack() };

    /// <summary>The run of early bytes that begins first.</summary>
    private byte[] Sack()
    {
        if (_early.Count == 0)
        {
            return [];
        }

        uint from = _early.Keys.MinBy(n => (int)(n - _peer)), to = from;
        while (_early.ContainsKey(to))
        {
            to++;
        }

        byte[] option = [1, 1, 5, 10, 0, 0, 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32BigEndian(option.AsSpan(4), from);
        BinaryPrimitives.WriteUInt32BigEndian(option.AsSpan(8), to);
        return option;
    }
}
