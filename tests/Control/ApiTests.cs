using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Forwarder.Api;

namespace Forwarder.Control.Tests;

/// <summary>The HTTP API as a client sees it.</summary>
public sealed class ApiTests(ControlBed bed) : IClassFixture<ControlBed>
{
    private const string Service = "v1/services/tcp:172.17.0.1:80", Server = Service + "/servers/172.16.100.1:80";

    [Fact]
    public async Task AChangeWithAnOldETagIsRefused()
    {
        await StartAsync();
        string old = await ETagAsync();
        (int status, _, HttpResponseMessage answer) = await bed.PutAsync(States.WithServices(1, 2), old);
        Assert.Equal(200, status);
        Assert.Equal(await ETagAsync(), answer.Headers.ETag!.ToString());
        Assert.NotEqual(old, await ETagAsync());
        string before = await bed.GetAsync();
        (status, string body, _) = await bed.PutAsync(States.WithServices(), old);
        Assert.Equal((412, 412), (status, ProblemOf(body).Status));
        Assert.Equal(before, await bed.GetAsync());
    }

    [Theory]
    [InlineData("*", 200)]
    [InlineData("\"1\", ETAG", 200)]
    [InlineData("\"1\"", 412)]
    [InlineData("W/ETAG", 412)]   // RFC 9110 section 13.1.1: a strong comparison
    public async Task IfMatchTakesAnyAndLists(string ifMatch, int expected)
    {
        await StartAsync();
        (int status, string body, _) = await bed.PutAsync(States.WithServices(1, 1), ifMatch.Replace("ETAG", await ETagAsync(), StringComparison.Ordinal));
        Assert.True(status == expected, body);
    }

    [Fact]
    public async Task TheETagIsThatOfTheContent()
    {
        await StartAsync();
        string first = await ETagAsync();
        await bed.SendAsync(HttpMethod.Patch, Server, """{"weight":5}""");
        string second = await ETagAsync();
        await bed.SendAsync(HttpMethod.Patch, Server, """{"weight":1}""");
        Assert.NotEqual(first, second);
        Assert.Equal(first, await ETagAsync());
    }

    [Theory]
    [InlineData("DELETE", "", 422, "all=true")]
    [InlineData("DELETE", "?all=false", 422, "all=true")]
    [InlineData("DELETE", "?all=true&state=UDP", 422, "none of these")]
    [InlineData("DELETE", "?all=maybe", 400, "maybe")]
    [InlineData("DELETE", "?client=172.16.0.1&sevrice=udp:172.16.58.1:92", 422, "no parameter \"sevrice\"; allowed are service, client, server, state, all.")]
    [InlineData("GET", "?limit=2", 422, "allowed are cursor, service, client, server, state.")]
    [InlineData("DELETE", "?service=tcp:172.16.58:80", 422, "?service=tcp:172.16.58:80")]
    [InlineData("DELETE", "?client=172.16", 422, "172.16.58.7:80")]
    [InlineData("GET", "?server=any", 422, "or removed")]
    [InlineData("GET", "?client=removed", 422, "?client=removed")]
    [InlineData("GET", "?state=syn", 422, "SYN_RECV, ESTABLISHED")]
    [InlineData("GET", "?cursor=-1", 400, "cursor")]
    [InlineData("GET", "?state=UDP&server=removed&client=[fd16::1]:7&service=udp:[fd16::100]:53", 503, "dataplane")]
    [InlineData("DELETE", "?all=true", 503, "dataplane")]
    public async Task ConnectionsAreNamedWell(string method, string query, int expected, string says)
    {
        await StartAsync();
        (int status, string body, _) = await bed.SendAsync(new HttpMethod(method), "v1/connections" + query);
        Assert.Equal((expected, expected), (status, ProblemOf(body).Status));
        Assert.Contains(says, ProblemOf(body).Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST", "v1/snat?befor=web", "allowed are before.")]
    [InlineData("POST", "v1/counters/zero?servic=x", "allowed are service.")]
    [InlineData("GET", "v1/services?id=x", "it takes none.")]
    [InlineData("GET", "v1/services/tcp:172.16.58.1:80?id=x", "it takes none.")]
    [InlineData("PUT", "v1/config?ifMatch=x", "it takes none.")]
    public async Task AParameterThatThereIsNotIsRefused(string method, string path, string says)
    {
        await StartAsync();
        (int status, string body, _) = await bed.SendAsync(new HttpMethod(method), path, method == "GET" ? null : "{}");
        Assert.Equal(422, status);
        Assert.Contains(says, ProblemOf(body).Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", 400, "The body is empty; an object is needed, its members are dataplane, ")]
    [InlineData(" \n", 400, "The body is empty")]
    [InlineData("{", 400, "JSON")]
    [InlineData("null", 400, "null")]
    [InlineData("[]", 400, "JSON")]
    [InlineData("<xml/>", 400, "JSON")]
    public async Task ABodyThatIsNotJson(string body, int expected, string says)
    {
        await StartAsync();
        (int status, string answer, _) = await bed.SendAsync(HttpMethod.Put, "v1/config", body);
        Assert.Equal(expected, status);
        Assert.Contains(says, ProblemOf(answer).Title + ProblemOf(answer).Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ARequestWithoutItsBody()
    {
        await StartAsync();
        (int status, string answer, _) = await bed.SendAsync(HttpMethod.Post, "v1/vrrp/web/backup");
        Assert.Equal((400, "The body is empty; an object is needed, its members are durationS."), (status, ProblemOf(answer).Detail));
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/jsonx")]
    public async Task ABodyOfAnotherType(string type)
    {
        await StartAsync();
        string before = await bed.GetAsync();
        using ByteArrayContent content = new("{}"u8.ToArray());
        content.Headers.ContentType = new MediaTypeHeaderValue(type);
        using HttpResponseMessage answer = await bed.Http.PutAsync("v1/config", content);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
        Assert.Contains("application/json", ProblemOf(await answer.Content.ReadAsStringAsync()).Detail, StringComparison.Ordinal);
        Assert.Equal(before, await bed.GetAsync());
    }

    [Fact]
    public async Task JsonWithACharsetIsTaken()
    {
        await StartAsync();
        using StringContent content = new(JsonSerializer.Serialize(States.WithServices(1), ApiJson.Default.DesiredState), Encoding.UTF8, "application/json");
        using HttpResponseMessage answer = await bed.Http.PutAsync("v1/config", content);
        Assert.Equal("application/json; charset=utf-8", content.Headers.ContentType!.ToString());
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task ABodyThatIsTooLarge()
    {
        await StartAsync();
        string before = await bed.GetAsync();
        using HttpRequestMessage request = new(HttpMethod.Put, "v1/config") { Content = new StringContent(new string(' ', (int)Endpoints.BodyBytesMax + 1), Encoding.ASCII, "application/json") };
        request.Headers.ExpectContinue = true;   // the answer comes before the body is sent
        using HttpResponseMessage answer = await bed.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
        Assert.Contains($"{Endpoints.BodyBytesMax}", ProblemOf(await answer.Content.ReadAsStringAsync()).Detail, StringComparison.Ordinal);
        Assert.Equal(before, await bed.GetAsync());
    }

    /// <summary>Errors are told at the place in the body that was sent, wherever that ends up in the state.</summary>
    [Theory]
    [InlineData("POST", "v1/services", """{"protocol":"tcp","address":"172.17.1","port":80}""", 422, "/address")]
    [InlineData("POST", "v1/services", """{"protocol":"tcp","address":"172.17.0.9","port":80,"servers":[{"address":"172.16.100.1"},{"address":"192.0.2.1"}]}""", 422, "/servers/1/address")]
    [InlineData("POST", "v1/services", """{"protocol":"tcp","address":"172.17.0.9","port":80,"scheduler":7}""", 400, "/scheduler")]
    [InlineData("POST", "v1/services", """{"protocol":"tcp","address":"172.17.0.1","port":80}""", 409, null)]
    [InlineData("PUT", Service, """{"protocol":"tcp","address":"172.17.0.1","port":80,"maglevTableSize":252}""", 422, "/maglevTableSize")]
    [InlineData("PUT", Service, """{"protocol":"tcp","address":"172.17.0.2","port":80}""", 422, "/address")]
    [InlineData("PATCH", Service, """{"scheduler":"sh"}""", 422, "/scheduler")]
    [InlineData("PATCH", Service, """{"maglevTableSize":0}""", 422, "/maglevTableSize")]
    [InlineData("PATCH", Service, """{"port":81}""", 400, "/port")]
    [InlineData("PATCH", "v1/services/tcp:172.17.9.9:80", """{"scheduler":"mh"}""", 404, null)]
    [InlineData("DELETE", "v1/services/tcp:172.17.9.9:80", null, 404, null)]
    [InlineData("POST", Service + "/servers", """{"address":"192.0.2.1"}""", 422, "/address")]
    [InlineData("POST", Service + "/servers", """{"address":"172.16.100.9","weight":65536}""", 422, "/weight")]
    [InlineData("POST", Service + "/servers", """{"address":"172.16.100.1"}""", 409, null)]
    [InlineData("PUT", Server, """{"address":"172.16.100.1","method":"tun"}""", 422, "/method")]
    [InlineData("PUT", Server, """{"address":"172.16.100.2"}""", 422, "/address")]
    [InlineData("PUT", Service + "/servers/172.16.100.9:80", """{"address":"172.16.100.9","weight":-1}""", 422, "/weight")]
    [InlineData("PATCH", Server, """{"weight":-1}""", 422, "/weight")]
    [InlineData("PATCH", Server, """{"weight":"1"}""", 400, "/weight")]
    [InlineData("PATCH", Service + "/servers/172.16.100.9:80", """{"weight":1}""", 404, null)]
    [InlineData("DELETE", Service + "/servers/172.16.100.9:80", null, 404, null)]
    [InlineData("GET", "v1/services/nonsense", null, 404, null)]
    [InlineData("GET", "v2/services", null, 404, null)]
    [InlineData("POST", "v1/config", "{}", 405, null)]
    [InlineData("POST", "v1/counters/zero?service=tcp:172.17.9.9:80", null, 404, null)]
    public async Task PointersAreThoseOfTheRequest(string method, string path, string? json, int expected, string? pointer)
    {
        await StartAsync();
        string before = await bed.GetAsync();
        (int status, string body, _) = await bed.SendAsync(new HttpMethod(method), path, json);
        Assert.True(status == expected, $"{status}: {body}");
        Assert.Equal((expected, pointer), (ProblemOf(body).Status, ProblemOf(body).Pointer));
        Assert.True(ProblemOf(body).Detail.Length > 10, body);
        Assert.Equal(before, await bed.GetAsync());
    }

    [Fact]
    public async Task AMethodThatAPathDoesNotHaveIsAnsweredWithThoseThatItHas()
    {
        (int status, _, HttpResponseMessage answer) = await bed.SendAsync(HttpMethod.Delete, "v1/config");
        Assert.Equal(405, status);
        Assert.Equal(["GET", "PUT"], answer.Content.Headers.Allow.Order());
    }

    [Fact]
    public async Task EachChangeDoesWhatItSays()
    {
        await StartAsync();
        Assert.Equal(201, (await bed.SendAsync(HttpMethod.Post, "v1/services", """{"protocol":"udp","address":"fd16::100","port":53}""")).Status);
        Assert.Equal(201, (await bed.SendAsync(HttpMethod.Post, "v1/services/udp:[fd16::100]:53/servers", """{"address":"fd16::7"}""")).Status);
        Assert.Equal(200, (await bed.SendAsync(HttpMethod.Patch, "v1/services/udp:[fd16::100]:53", """{"scheduler":"mh"}""")).Status);
        Assert.Equal(200, (await bed.SendAsync(HttpMethod.Patch, "v1/services/udp:[fd16::100]:53/servers/[fd16::7]:53", """{"weight":0}""")).Status);
        ServiceView view = JsonSerializer.Deserialize(await bed.GetAsync("v1/services/udp:[fd16::100]:53"), ApiJson.Default.ServiceView)!;
        Assert.Equal(("mh", 0), (view.Scheduler, Assert.Single(view.Servers).Weight));
        Assert.Equal(200, (await bed.SendAsync(HttpMethod.Put, "v1/services/udp:[fd16::100]:53/servers/[fd16::8]:53", """{"address":"fd16::8","weight":3}""")).Status);
        Assert.Equal(200, (await bed.SendAsync(HttpMethod.Delete, "v1/services/udp:[fd16::100]:53/servers/[fd16::7]:53")).Status);
        Assert.Equal(3, Assert.Single(JsonSerializer.Deserialize(await bed.GetAsync("v1/services/udp:[fd16::100]:53/servers"), ApiJson.Default.IReadOnlyListRealServerView)!).Weight);
        Assert.Equal(200, (await bed.SendAsync(HttpMethod.Delete, "v1/services/udp:[fd16::100]:53")).Status);
        Assert.Single(JsonSerializer.Deserialize(await bed.GetAsync("v1/services"), ApiJson.Default.ServiceList)!.Services);
        (int status, string body, _) = await bed.SendAsync(HttpMethod.Delete, "v1/services");
        ChangeResult result = JsonSerializer.Deserialize(body, ApiJson.Default.ChangeResult)!;
        Assert.Equal((200, false), (status, result.Applied));   // there is no dataplane
        Assert.NotNull(result.Note);
        Assert.DoesNotContain(bed.Published().Services, s => s.Valid != 0);
    }

    [Fact]
    public async Task ChangesThatComeAtOnceAllHappen()
    {
        await StartAsync();
        await Task.WhenAll(Enumerable.Range(1, 40).Select(async n =>
        {
            (int status, string body, _) = await bed.SendAsync(HttpMethod.Post, "v1/services", JsonSerializer.Serialize(States.Service(n, 2), ApiJson.Default.VirtualService));
            Assert.True(status == 201, body);
        }));
        Assert.Equal(41, bed.Service<DirectorState>().Current.State.Services.Count);
        Assert.Equal(41, bed.Published().Services.Count(s => s.Valid != 0));
    }

    private async Task StartAsync() => Assert.Equal(200, (await bed.PutAsync(States.WithServices(1))).Status);

    private async Task<string> ETagAsync() => (await bed.SendAsync(HttpMethod.Get, "v1/config")).Answer.Headers.ETag!.ToString();

    private static Problem ProblemOf(string body) => JsonSerializer.Deserialize(body, ApiJson.Default.Problem)!;
}
