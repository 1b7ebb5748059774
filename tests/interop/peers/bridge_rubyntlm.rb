# rubyntlm's client.

require_relative 'bridge'
begin
  require 'net/ntlm'
  require 'net/ntlm/client'
rescue LoadError => error
  abort "rubyntlm is missing (#{error.message}): run `tests/interop/install`"
end

FLAGS = Net::NTLM::FLAGS
SIGNATURE_LENGTH = 16

class Context
  def initialize(user:, domain:, password:, protection:, bindings: nil)
    flags = Net::NTLM::Client::DEFAULT_FLAGS
    flags &= ~FLAGS[:SEAL] unless protection == 'seal'
    flags &= ~FLAGS[:SIGN] if protection == 'none'
    @client = Net::NTLM::Client.new(user, password, domain: domain, flags: flags)
    @bindings = bindings && of_channel(from_hex(bindings))
  end

  def step(token:)
    return { token: to_hex(@client.init_context.serialize), done: false } unless token

    challenge = [from_hex(token)].pack('m0')
    { token: to_hex(@client.init_context(challenge, @bindings).serialize), done: true }
  end

  def key
    { bytes: to_hex(@client.session_key) }
  end

  # Signature and ciphertext: the message is encrypted before the checksum is.
  def seal(message:)
    plain = from_hex(message)
    ciphertext = @client.session.seal_message(plain)
    { bytes: to_hex(@client.session.sign_message(plain) + ciphertext) }
  end

  def unseal(sealed:)
    signature, ciphertext = from_hex(sealed).unpack("a#{SIGNATURE_LENGTH}a*")
    plain = @client.session.unseal_message(ciphertext)
    check(signature, plain)
    { bytes: to_hex(plain) }
  end

  def sign(message:)
    { bytes: to_hex(@client.session.sign_message(from_hex(message))) }
  end

  def verify(message:, signature:)
    check(from_hex(signature), from_hex(message))
    {}
  end

  private

  # In the place of a certificate.
  def of_channel(data)
    bindings = Net::NTLM::ChannelBinding.new(nil)
    bindings.define_singleton_method(:application_data) { data }
    bindings
  end

  def check(signature, plain)
    raise 'wrong signature' unless @client.session.verify_signature(signature, plain)
  end
end

serve { |**arguments| Context.new(**arguments) }
