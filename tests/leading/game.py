import pygame, sys
from pygame.locals import *

class Ship(pygame.sprite.Sprite):
    speed = 5
    def __init__(self, place):
        pygame.sprite.Sprite.__init__(self)
        self.image = pygame.image.load('ship.png').convert()
        self.rect = self.image.get_rect(center=place)
    def update(self):
        self.rect.x += self.speed

pygame.init()
screen = pygame.display.set_mode((640, 480), HWSURFACE | DOUBLEBUF)
width, height = screen.get_size()
ship, clock, running, frames = Ship((width / 2, height / 2)), pygame.time.Clock(), True, 0
while running:
    for event in pygame.event.get():
        if event.type == QUIT or event.type == KEYDOWN and event.key == K_ESCAPE:
            running = False
    ship.update()
    screen.blit(ship.image, ship.rect)
    pygame.display.flip()
    clock.tick(60)
    frames += 1
pygame.quit()
print isinstance(ship, Ship), isinstance(ship, pygame.sprite.Sprite), 0 < frames < 50
print 'end'
