using System.Globalization;
using Forwarder.Lab;

namespace Forwarder.Interop.Tests;

/// <content>Checks of SCTP.</content>
public static partial class ReferenceChecks
{
    private const string SctpService = "--sctp-service";
    private const int InitTimeoutS = 4;

    /// <summary>Time-outs that SCTP's states have.</summary>
    private static readonly int[] s_sctpTimeoutsS = [InitTimeoutS, 61, 900];

    private static string SctpDistribution(ReferenceBed bed, string method)
    {
        int port = Service(bed, method, SctpService);
        return Shares(Enumerable.Range(0, 30).Select(_ => new ReferenceAssociation(bed, port).Send(SctpChunk.Init)));
    }

    private static string SctpListing(ReferenceBed bed, string method)
    {
        int port = Service(bed, method, SctpService);
        new ReferenceAssociation(bed, port).Send(SctpChunk.Init);
        ReferenceAssociation open = new(bed, port);
        open.Send(SctpChunk.Init);
        open.Send(SctpChunk.CookieEcho);
        return Lines(bed, port, 2);
    }

    /// <summary>The client alone is heard.</summary>
    private static string SctpStates(ReferenceBed bed, string method)
    {
        ReferenceAssociation association = new(bed, Service(bed, method, SctpService));
        return string.Join(", ", ((SctpChunk[])[SctpChunk.Init, SctpChunk.Init, SctpChunk.CookieEcho, SctpChunk.Data, SctpChunk.Shutdown, SctpChunk.ShutdownComplete]).Select(chunk =>
        {
            association.Send(chunk);
            return StateAndTimeout(bed, association);
        }));
    }

    private static string SctpStatesWithReplies(ReferenceBed bed, string method)
    {
        ReferenceAssociation association = new(bed, Service(bed, method, SctpService));
        (SctpChunk, bool)[] chunks =
        [
            (SctpChunk.Init, false), (SctpChunk.InitAck, true), (SctpChunk.CookieEcho, false), (SctpChunk.CookieAck, true), (SctpChunk.Shutdown, false),
            (SctpChunk.ShutdownAck, true), (SctpChunk.ShutdownComplete, false),
        ];
        return string.Join(", ", chunks.Select(c => SendOrReply(bed, association, c.Item1, c.Item2)));
    }

    private static string SctpRejected(ReferenceBed bed, string method)
    {
        ReferenceAssociation association = new(bed, Service(bed, method, SctpService));
        return $"{SendOrReply(bed, association, SctpChunk.Init, false)}, {SendOrReply(bed, association, SctpChunk.Abort, true)}";
    }

    private static string SendOrReply(ReferenceBed bed, ReferenceAssociation association, SctpChunk chunk, bool isReply)
    {
        _ = isReply ? association.Reply(chunk, ServerPort) : association.Send(chunk);
        return StateAndTimeout(bed, association);
    }

    private static string SctpExpiry(ReferenceBed bed, string method)
    {
        ReferenceAssociation association = new(bed, Service(bed, method, SctpService));
        association.Send(SctpChunk.Init);
        string before = Entry(bed, association.ClientPort)[2];
        Wait.Until(() => Entry(bed, association.ClientPort).Length == 0, $"{bed.Name}: the association is gone", 2 * InitTimeoutS * 1_000);
        return $"{before}, gone";
    }

    private static string SctpNoServer(ReferenceBed bed, string method)
    {
        int port = bed.NewServicePort();
        bed.Ipvsadm("-C");
        bed.Ipvsadm($"-A {SctpService} {bed.Service(port)} -s wlc");
        return new ReferenceAssociation(bed, port).Send(SctpChunk.Init).Replace($":{port}", "", StringComparison.Ordinal);
    }

    private static string SctpNotInit(ReferenceBed bed, string method, int sloppy)
    {
        bed.Set("sloppy_sctp", sloppy);
        string seen = new ReferenceAssociation(bed, Service(bed, method, SctpService)).Send(SctpChunk.Data);
        bed.Set("sloppy_sctp", 0);
        return seen.StartsWith("rs", StringComparison.Ordinal) ? "a server" : seen;
    }

    /// <summary>The state, and what time it lasts without a packet: the list shows what is left of that.</summary>
    private static string StateAndTimeout(ReferenceBed bed, ReferenceAssociation association)
    {
        const int SlackS = 3;
        string[] entry = Entry(bed, association.ClientPort);
        int[] left = [.. entry[1].Split(':').Select(n => int.Parse(n, CultureInfo.InvariantCulture))];
        int leftS = (left[0] * 60) + left[1], timeoutS = s_sctpTimeoutsS.FirstOrDefault(t => leftS <= t && leftS >= t - SlackS);
        return $"{entry[2]} {(timeoutS != 0 ? timeoutS : leftS)} s";
    }
}
