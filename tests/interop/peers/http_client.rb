# httpclient, a library of Ruby, which has its NTLM of rubyntlm: requests URLs.

require_relative 'bridge'
begin
  require 'httpclient'
  require 'net/ntlm'
rescue LoadError => error
  abort "httpclient is missing (#{error.message}): run `tests/interop/install`"
end

class Context
  def initialize(user:, domain:, password:, proxy: nil)
    @client = HTTPClient.new(proxy && "http://#{proxy}")
    @client.ssl_config.verify_mode = OpenSSL::SSL::VERIFY_NONE
    @client.receive_timeout = 20
    # It splits the domain off itself.
    name = domain.empty? ? user : "#{domain}\\#{user}"
    if proxy
      @client.set_proxy_auth(name, password)
    else
      @client.set_auth(nil, name, password)
    end
  end

  def request(url:, data:)
    response = data ? @client.post(url, data) : @client.get(url)
    { status: response.status, user: response.headers['X-User'], body: response.body }
  end
end

serve { |**arguments| Context.new(**arguments) }
