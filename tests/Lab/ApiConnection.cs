using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Forwarder.Lab;

/// <summary>The director's HTTP API over its Unix socket.</summary>
public sealed class ApiConnection : IDisposable
{
    private readonly HttpClient _client;

    internal ApiConnection(string socketPath)
    {
        SocketsHttpHandler handler = new()
        {
            ConnectCallback = async (_, stop) =>
            {
                Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), stop);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        _client = new HttpClient(handler) { BaseAddress = new Uri("http://localhost/"), Timeout = TimeSpan.FromMinutes(2) };
    }

    /// <summary>GET; throws when the answer is no success.</summary>
    public T Get<T>(string path, JsonTypeInfo<T> type)
    {
        (int status, string body) = Send(HttpMethod.Get, path);
        return status == 200 ? JsonSerializer.Deserialize(body, type)! : throw new InvalidOperationException($"GET {path}: {status}: {body}");
    }

    /// <summary>GET; null when the director does not answer.</summary>
    public T? TryGet<T>(string path, JsonTypeInfo<T> type) where T : class
    {
        try
        {
            return Get(path, type);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    /// <summary>A request with a JSON body; throws when the answer is no success.</summary>
    public void Change<T>(HttpMethod method, string path, T body, JsonTypeInfo<T> type)
    {
        (int status, string answer) = Send(method, path, JsonSerializer.Serialize(body, type));
        if (status is < 200 or > 299)
        {
            throw new InvalidOperationException($"{method} {path}: {status}: {answer}");
        }
    }

    /// <summary>Any request; returns status and body.</summary>
    public (int Status, string Body) Send(HttpMethod method, string path, string? json = null)
    {
        using HttpRequestMessage request = new(method, path);
        if (json != null)
        {
            request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        }

        using HttpResponseMessage answer = _client.Send(request);
        using StreamReader body = new(answer.Content.ReadAsStream());
        return ((int)answer.StatusCode, body.ReadToEnd());
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();
}
