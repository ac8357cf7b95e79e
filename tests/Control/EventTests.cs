using System.Text.Json;
using Forwarder.Api;

namespace Forwarder.Control.Tests;

/// <summary>GET /v1/events: server-sent events (HTML Living Standard, section 9.2).</summary>
public sealed class EventTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task AChangeIsAnEvent()
    {
        await using ControlBed bed = await new ControlBed().StartAsync(States.WithServices(1));
        using StreamReader reader = await ListenAsync(bed);
        Assert.Equal((1, "config.changed"), await NextAsync(reader, e => (e.Sequence, e.Kind)));   // the backlog first
        (_, string body, _) = await bed.PutAsync(States.WithServices(1, 1));
        Assert.Equal((2, JsonSerializer.Deserialize(body, ApiJson.Default.ChangeResult)!.Generation), await NextAsync(reader, e => (e.Sequence, e.Generation)));
    }

    [Fact]
    public async Task WhoComesBackGoesOnWhereItWas()
    {
        await using ControlBed bed = await new ControlBed().StartAsync(States.WithServices(1));
        await bed.PutAsync(States.WithServices(1, 1));
        await bed.PutAsync(States.WithServices(1, 1, 1));
        using StreamReader reader = await ListenAsync(bed, lastEventId: "2");
        Assert.Equal(3, await NextAsync(reader, e => e.Sequence));
    }

    [Fact]
    public async Task WhatIsRefusedIsNoEvent()
    {
        await using ControlBed bed = await new ControlBed().StartAsync(States.WithServices(1));
        using StreamReader reader = await ListenAsync(bed, lastEventId: "1");
        Assert.Equal(422, (await bed.SendAsync(HttpMethod.Patch, "v1/services/tcp:172.17.0.1:80", """{"scheduler":"rr"}""")).Status);
        await bed.SendAsync(HttpMethod.Patch, "v1/services/tcp:172.17.0.1:80", """{"scheduler":"mh"}""");
        Assert.Equal(2, await NextAsync(reader, e => e.Sequence));
    }

    [Fact]
    public async Task ManyListenTheOneThatGoesDisturbsNobody()
    {
        await using ControlBed bed = await new ControlBed().StartAsync(States.WithServices(1));
        StreamReader gone = await ListenAsync(bed);
        using StreamReader first = await ListenAsync(bed, lastEventId: "1"), second = await ListenAsync(bed, lastEventId: "1");
        gone.Dispose();
        await bed.PutAsync(States.WithServices(1, 1));
        Assert.Equal((2, 2), (await NextAsync(first, e => e.Sequence), await NextAsync(second, e => e.Sequence)));
    }

    /// <summary>Who listens does not keep control from stopping.</summary>
    [Fact]
    public async Task TheStreamEndsWhenControlStops()
    {
        await using ControlBed bed = await new ControlBed().StartAsync(States.WithServices(1));
        using StreamReader reader = await ListenAsync(bed);
        await NextAsync(reader, e => e.Sequence);
        await bed.StopAsync().WaitAsync(s_timeout);
        Assert.Null(await reader.ReadLineAsync().WaitAsync(s_timeout));
    }

    /// <summary>Each change of a VRRP group, with its reason.</summary>
    [RootFact]
    public async Task AChangeOfAVrrpGroupIsAnEventWithItsReason()
    {
        await using PlayedDataplane played = await PlayedDataplane.StartAsync(PlayedDataplane.Group("web", "172.16.58.1", 51));
        using StreamReader reader = await ListenAsync(played.Bed);
        Assert.Equal("VRRP group web is backup: startup.", await NextAsync(reader, "vrrp.state"));
        played.IsLinkUp = false;
        Assert.Equal("VRRP group web is initialize: fault.", await NextAsync(reader, "vrrp.state"));
        played.IsLinkUp = true;
        Assert.Equal("VRRP group web is backup: fault cleared.", await NextAsync(reader, "vrrp.state"));
    }

    private static async Task<string> NextAsync(StreamReader reader, string kind)
    {
        (string Kind, string Message) next;
        do
        {
            next = await NextAsync(reader, e => (e.Kind, e.Message));
        }
        while (next.Kind != kind);
        return next.Message;
    }

    private static async Task<StreamReader> ListenAsync(ControlBed bed, string? lastEventId = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, "v1/events");
        if (lastEventId != null)
        {
            request.Headers.Add("Last-Event-ID", lastEventId);
        }

        HttpResponseMessage answer = await bed.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType?.MediaType);
        return new StreamReader(await answer.Content.ReadAsStreamAsync());
    }

    /// <summary>Reads one event and checks that its fields agree with its data.</summary>
    private static async Task<T> NextAsync<T>(StreamReader reader, Func<DirectorEvent, T> what)
    {
        Dictionary<string, string> fields = [];
        for (string? line = await reader.ReadLineAsync().WaitAsync(s_timeout); line != ""; line = await reader.ReadLineAsync().WaitAsync(s_timeout))
        {
            string[] parts = line!.Split(": ", 2);
            fields.Add(parts[0], parts[1]);
        }

        DirectorEvent entry = JsonSerializer.Deserialize(fields["data"], ApiJson.Default.DirectorEvent)!;
        Assert.Equal((fields["id"], fields["event"]), ($"{entry.Sequence}", entry.Kind));
        return what(entry);
    }
}
