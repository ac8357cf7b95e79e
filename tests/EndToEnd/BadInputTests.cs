using System.Text.Json;
using Forwarder.Api;
using Forwarder.Lab;

namespace Forwarder.EndToEnd.Tests;

/// <summary>What a user can get wrong: each answer names the field, and the running state stays as it was.</summary>
public sealed class BadInputTests(RunningLab bed) : IClassFixture<RunningLab>
{
    private const string Services = "v1/services", Good = """{"protocol":"tcp","address":"172.16.58.1","port":80,"servers":[{"address":"172.16.58.7","weight":2}]}""";

    [Theory]
    [InlineData("POST", Services, """{"protocol":"tcp","address":"172.16.58","port":80}""", 422, "/address")]
    [InlineData("POST", Services, """{"protocol":"tcp","address":"172.16.58.1","port":70000}""", 422, "/port")]
    [InlineData("POST", Services, """{"protocol":"icmp","address":"172.16.58.1","port":80}""", 422, "/protocol")]
    [InlineData("POST", Services, """{"protocol":"tcp","address":"172.16.58.1","port":81,"scheduler":"best"}""", 422, "/scheduler")]
    [InlineData("POST", Services, """{"protocol":"tcp","address":"172.16.58.1","port":81,"servers":[{"address":"172.16.58.7","weight":65536}]}""", 422, "/servers/0/weight")]
    [InlineData("POST", Services, """{"protocol":"tcp","address":"172.16.58.1","port":81,"servers":[{"address":"172.16.58.7"},{"address":"172.16.58.7"}]}""", 422, "/servers/1")]
    [InlineData("POST", Services, """{"protocol":"tcp","address":"172.16.58.1","port":81,"servers":[{"address":"10.9.9.9"}]}""", 422, "/servers/0/address")]
    [InlineData("POST", Services, Good, 409, "")]
    [InlineData("POST", Services, """{"protocol":"tcp","adress":"172.16.58.1"}""", 400, "adress")]
    [InlineData("POST", Services, "no JSON", 400, "")]
    [InlineData("PATCH", "v1/services/tcp:172.16.58.1:80/servers/172.16.58.7:80", """{"weight":-1}""", 422, "/weight")]
    [InlineData("DELETE", "v1/services/tcp:172.16.58.1:80/servers/172.16.58.99:80", null, 404, "172.16.58.99:80")]
    [InlineData("PUT", "v1/config", """{"dataplane":{"ports":[{"name":"lan0","device":"net_af_packet0,iface=d0"}]},"interfaces":[{"name":"lan0","port":"lan1","addresses":["172.16.58.2/16"]}]}""", 422, "/interfaces/0/port")]
    public void A_bad_request_changes_nothing(string method, string path, string? json, int status, string where)
    {
        EnsureService();
        (_, string before) = bed.Director.Api.Send(HttpMethod.Get, "v1/config");
        (int answered, string body) = bed.Director.Api.Send(new HttpMethod(method), path, json);
        Assert.True(answered == status, $"{answered}: {body}");
        Assert.Contains(where, body, StringComparison.Ordinal);
        Assert.True(JsonDocument.Parse(body).RootElement.GetProperty("detail").GetString()!.Length > 10, body);
        Assert.Equal(before, bed.Director.Api.Send(HttpMethod.Get, "v1/config").Body);
    }

    /// <summary>Settings with which the dataplane does not start: its own words are the answer, and it forwards again with the old ones.</summary>
    [Fact]
    public void A_device_that_is_not_there_is_taken_back()
    {
        EnsureService();
        (_, string before) = bed.Director.Api.Send(HttpMethod.Get, "v1/config");
        (int status, string body) = bed.Director.Api.Send(HttpMethod.Put, "v1/config", before.Replace("iface=d0", "iface=d7", StringComparison.Ordinal));
        Assert.True(status == 422, $"{status}: {body}");
        Assert.Equal("/dataplane", JsonDocument.Parse(body).RootElement.GetProperty("pointer").GetString());
        Assert.Contains("there is no network interface d7", body, StringComparison.Ordinal);
        Assert.Equal(before, bed.Director.Api.Send(HttpMethod.Get, "v1/config").Body);
        Wait.Until(() => bed.Director.Api.Get("v1/status", ApiJson.Default.StatusView).Dataplane.State == "running", "the dataplane runs with its old settings");
        Assert.Contains("iface=d0", File.ReadAllText(Path.Combine(bed.Director.RunFolder, "dataplane.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_body_that_is_too_large_changes_nothing()
    {
        const int TooLarge = 300 << 20;
        EnsureService();
        (_, string before) = bed.Director.Api.Send(HttpMethod.Get, "v1/config");
        int status;
        try
        {
            (status, _) = bed.Director.Api.Send(HttpMethod.Put, "v1/config", new string(' ', TooLarge));
        }
        catch (HttpRequestException)
        {
            status = 413;   // answered and closed while the body was still being sent
        }

        Assert.Equal(413, status);
        Assert.Equal(before, bed.Director.Api.Send(HttpMethod.Get, "v1/config").Body);
    }

    [Theory]
    [InlineData("-A -t 172.16.58.1:80 -s wlc", "exists")]
    [InlineData("-a -t 172.16.58.1:80 -r 172.16.58.8 -p 60", "-p")]
    [InlineData("-A -f 5", "-f")]
    public void ipvsadm_says_what_is_wrong(string line, string what)
    {
        EnsureService();
        CommandResult result = bed.Director.Ipvsadm(line);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains(what, result.Errors, StringComparison.OrdinalIgnoreCase);
    }

    private void EnsureService() => bed.Director.Api.Send(HttpMethod.Post, Services, Good);
}
