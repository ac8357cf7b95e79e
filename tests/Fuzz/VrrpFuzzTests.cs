using Forwarder.Vrrp;

namespace Forwarder.Fuzz.Tests;

/// <summary>
/// Changed VRRP packets, each right before a page that may not be touched. The answer must be that of a second
/// reading of the rules, and what a good one says must come out the same when it is written and read again.
/// </summary>
public sealed unsafe class VrrpFuzzTests
{
    private const int PacketBytesMax = 8192;

    [Fact]
    public void Each_packet_gets_the_answer_that_the_rules_give_and_says_the_same_when_written_again()
    {
        using FuzzRun run = new("vrrp");
        using GuardedMemory place = new(PacketBytesMax);
        foreach (string[] line in File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "corpus", "vrrp.txt")).Where(l => l[0] != '#').Select(l => l.Split(':')))
        {
            byte[] packet = Convert.FromHexString(line[1].Trim());
            Assert.Equal(Enum.Parse<VrrpDecodeError>(line[0]), Receive(run, new VrrpReceiver(VrrpMutator.Receivers), new ReadOnlySpan<byte>(place.Place(packet), packet.Length)).Error);
        }

        VrrpReceiver receiver = new(VrrpMutator.Receivers), another = new(VrrpMutator.Receivers);
        Dictionary<VrrpDecodeError, long> seen = [];
        while (run.Goes)
        {
            byte[] packet = VrrpMutator.Next(run.Random, PacketBytesMax);
            run.Trying(packet);
            VrrpReceived received = Receive(run, receiver, new ReadOnlySpan<byte>(place.Place(packet), packet.Length));
            VrrpDecodeError expected = VrrpRules.Expected(packet, VrrpMutator.Receivers);
            run.Require(received.Error == expected, $"{received.Error} where {expected} is right", packet);
            seen[received.Error] = seen.GetValueOrDefault(received.Error) + 1;
            run.Require(receiver.Count(received.Error) == seen[received.Error], $"the counter of {received.Error} is wrong", packet);
            if (received.Error == VrrpDecodeError.None)
            {
                VrrpRules.Advertised said = VrrpRules.Says(packet), heard = new(received.Event.Version, received.Event.Priority, received.Event.IntervalCs, received.Event.Source);
                run.Require(heard == said, $"heard {heard}, but it said {said}", packet);
                Again(run, another, packet, received, VrrpMutator.Receivers[received.Instance].ChecksumForm);
            }
        }

        // The run must have been everywhere, or it says little.
        Assert.Equal([], Enum.GetValues<VrrpDecodeError>().Where(e => seen.GetValueOrDefault(e) == 0));
    }

    private static VrrpReceived Receive(FuzzRun run, VrrpReceiver receiver, ReadOnlySpan<byte> packet)
    {
        try
        {
            return receiver.Receive(packet);
        }
        catch (Exception e)
        {
            run.Require(false, $"{e.GetType().Name}: {e.Message}", packet);
            throw;
        }
    }

    /// <summary>Reads a packet that was taken, writes what it says, and reads that.</summary>
    private static void Again(FuzzRun run, VrrpReceiver receiver, byte[] packet, in VrrpReceived received, VrrpChecksumForm form)
    {
        VrrpDecodeError error = VrrpIpPacket.Parse(packet, out VrrpDatagram datagram);
        run.Require(error == VrrpDecodeError.None, $"{error} at the second reading", packet);
        error = VrrpCodec.Decode(datagram, form, minTtl: 0, out VrrpAdvertView view);
        run.Require(error == VrrpDecodeError.None, $"{error} at the second reading", packet);
        VrrpAdvert advert = Advert(view);
        byte[] written = new byte[VrrpIpPacket.PacketBytes(advert.Version, advert.Addresses.Count, view.IsIPv6)];
        int length = VrrpIpPacket.Build(written, advert, datagram.Source, datagram.Destination, form, identification: 7);
        run.Require(length == written.Length, $"{length} bytes written where {written.Length} were announced", packet);

        error = VrrpIpPacket.Parse(written, out VrrpDatagram second);
        run.Require(error == VrrpDecodeError.None, $"{error} when written again", packet);
        run.Require(second.Source == datagram.Source && second.Destination == datagram.Destination, "another address when written again", packet);
        error = VrrpCodec.Decode(second, form, VrrpLimits.Ttl, out VrrpAdvertView again);
        run.Require(error == VrrpDecodeError.None, $"{error} when written again", packet);
        run.Require(Says(Advert(again)) == Says(advert), $"{Says(advert)} became {Says(Advert(again))}", packet);
        VrrpReceived taken = Receive(run, receiver, written);
        run.Require(taken == received, $"{taken} when written again, {received} before", packet);
    }

    private static VrrpAdvert Advert(in VrrpAdvertView view)
    {
        VrrpAddress[] addresses = new VrrpAddress[view.AddressCount];
        for (int i = 0; i < addresses.Length; i++)
        {
            addresses[i] = view.Address(i);
        }

        return new VrrpAdvert(view.Version, view.Vrid, view.Priority, view.IntervalCs, addresses, (VrrpAuthType)view.AuthType, view.AuthData.ToArray());
    }

    /// <summary>The data of authentication type 0 means nothing (RFC 2338 section 5.3.6.1).</summary>
    private static string Says(in VrrpAdvert advert) =>
        $"version {advert.Version} vrid {advert.Vrid} priority {advert.Priority} interval {advert.IntervalCs} auth {advert.AuthType} "
        + $"{(advert.AuthType == VrrpAuthType.SimpleText ? Convert.ToHexString(advert.AuthData.Span) : "")} {string.Join(' ', advert.Addresses)}";
}
